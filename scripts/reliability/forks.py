"""Work in a forked process that can be disturbed: killed, stopped, short of disk, of files, of memory.

A fork costs no start-up, because this process has imported everything. This process itself never opens a lake and
never computes with torch: threads of pyarrow, deltalake and torch do not survive a fork.
"""

import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.atomic import write_json_atomically
from storage.commit import ORDER

LONGEST_S = 1800.0
_CLONE_NEWNS, _MS_REC_PRIVATE = 0x00020000, 0x4000 | 0x40000
NAMED_ERRORS = ("LakeError", "LakeFull", "OSError", "HarvestError", "BadCheckpointError", "MemoryError", "ValueError")
"""Base classes by which an operation may fail when the machine runs out of something: each says what is missing."""


STEPS = tuple(f"{step}@{turn}" for turn in (1, 2) for step in ("opened", *ORDER, "closed"))
"""Steps of the first and the second commit of a run."""


def step_reached(step: str) -> None:
    """What a commit calls after each of its steps; `_until_step` puts its own in its place."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong while an operation runs. `at` is a share of the undisturbed time or of the resource."""

    name: str
    at: float


def in_fork(work: Callable[[], Any], result: Path) -> Any:
    """What `work()` returns (JSON) from a process of its own. RuntimeError holds the process's traceback."""
    result.parent.mkdir(parents=True, exist_ok=True)
    result.unlink(missing_ok=True)
    log = result.with_suffix(".log")
    status = wait(fork(lambda: write_json_atomically(result, work()), log), LONGEST_S)
    if status:
        raise RuntimeError(f"exit status {status}: {log.read_text(errors='replace')[-1500:]}")
    return json.loads(result.read_text())


def fork(work: Callable[[], object], log: Path) -> int:
    """Start `work` in a new process group; returns its process id."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _be_child(work, log)
    return child


def _be_child(work: Callable[[], object], log: Path) -> None:
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell ignores it
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, sys.stdout.fileno())
        os.dup2(handle, sys.stderr.fileno())
        work()
        code = 0
    except BaseException as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        code = 3 if any(name in NAMED_ERRORS for name in kinds) or isinstance(error, KeyboardInterrupt) else 1
        with contextlib.suppress(BaseException):
            for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):  # or this could not be written
                resource.setrlimit(limit, (resource.getrlimit(limit)[1], resource.getrlimit(limit)[1]))
            traceback.print_exc()
            print(f"ended by {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def wait(child: int, seconds: float, then: signal.Signals = signal.SIGKILL) -> int:
    """Wait for `child`; after `seconds` send `then` to its whole group. Returns the wait status."""
    end = time.monotonic() + seconds
    pid, status = os.waitpid(child, os.WNOHANG)
    sent = False
    while not pid:
        if time.monotonic() >= end and not sent:
            sent = True
            _signal(child, then)
            end = time.monotonic() + (LONGEST_S if then == signal.SIGKILL else 60.0)
        elif time.monotonic() >= end:
            _signal(child, signal.SIGKILL)
        time.sleep(0.004)
        pid, status = os.waitpid(child, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # its workers, where it died alone
    return status


def _signal(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        try:
            os.killpg(leader, number)
        except ProcessLookupError:  # it leads no group yet
            os.kill(leader, number)


def disturbed(work: Callable[[Path], object], folder: Path, fault: Fault, seconds: float, log: Path) -> tuple[int, str]:
    """Run `work(folder)` under the fault. Returns whether the fault struck, and what is wrong with how it ended."""
    if fault.name in ("killed", "terminated", "interrupted"):
        number = {"killed": signal.SIGKILL, "terminated": signal.SIGTERM, "interrupted": signal.SIGINT}[fault.name]
        status = wait(fork(lambda: work(folder), log), fault.at * seconds, number)
        struck = int(status != 0)
        # any traceback of our own in answer to a signal is an interruption that was reported as a fault
        return struck, ""
    if fault.name == "two at once":
        first, second = (fork(lambda: work(folder), log.with_suffix(f".{n}.log")) for n in range(2))
        wait(first, fault.at * seconds)
        status = wait(second, LONGEST_S)
        return 1, "" if status == 0 else f"the one that lived ended with {status}: {_tail(log.with_suffix('.1.log'))}"
    if fault.name == "frozen":
        child = fork(lambda: work(folder), log.with_suffix(".0.log"))
        time.sleep(fault.at * seconds)
        _signal(child, signal.SIGSTOP)
        status = wait(fork(lambda: work(folder), log), LONGEST_S)
        _signal(child, signal.SIGCONT)
        wait(child, LONGEST_S)
        return 1, "" if status == 0 else f"the one that went on ended with {status}: {_tail(log)}"
    if fault.name == "killed at a step":
        status = wait(fork(lambda: _until_step(work, folder, fault.at), log), LONGEST_S)
        return int(os.WIFSIGNALED(status)), ""
    limited = {"disk full": _on_small_disk, "too many open files": _few_files, "file too large": _small_files}
    status = wait(fork(lambda: limited[fault.name](work, folder, fault.at), log), LONGEST_S)
    code = os.waitstatus_to_exitcode(status)
    return int(code != 0), "" if code in (0, 3) else f"{fault.name}: no named error: {_tail(log)}"


def _until_step(work: Callable[[Path], object], folder: Path, share: float) -> None:
    """The process kills itself when a commit gets to a step."""
    global step_reached
    seen: dict[str, int] = {}

    def reached(step: str) -> None:
        seen[step] = seen.get(step, 0) + 1
        if f"{step}@{seen[step]}" == STEPS[int(share * len(STEPS))]:
            os.kill(os.getpid(), signal.SIGKILL)

    step_reached = reached
    work(folder)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-700:] if log.exists() else ""


def _few_files(work: Callable[[Path], object], folder: Path, share: float) -> None:
    opened = len(os.listdir("/proc/self/fd"))
    limit = opened + 1 + int(share * 24)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    work(folder)


def _small_files(work: Callable[[Path], object], folder: Path, share: float) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limit = int(1000 * 400**share)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    work(folder)


def _on_small_disk(work: Callable[[Path], object], folder: Path, share: float) -> None:
    """The folder on a disk of its own (tmpfs in a mount namespace) with little room; then copied back as it is."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) or libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None):
        raise RuntimeError(f"no mount namespace: {os.strerror(ctypes.get_errno())}")
    before = folder.with_name(folder.name + ".before")
    shutil.rmtree(before, ignore_errors=True)
    folder.rename(before)
    folder.mkdir()
    used = sum(-(-path.stat().st_size // 4096) * 4096 for path in before.rglob("*") if path.is_file())
    room = used + int(4096 * 60**share)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, f"size={room}".encode()):
        raise RuntimeError(f"no tmpfs: {os.strerror(ctypes.get_errno())}")
    shutil.copytree(before, folder, dirs_exist_ok=True)
    try:
        work(folder)
    finally:
        shutil.rmtree(before)
        shutil.copytree(folder, before)
        os.chdir("/")
        libc.umount2(os.fsencode(folder), 2)
        folder.rmdir()
        before.rename(folder)
