import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PARENT = """
import sys, time, multiprocessing
from concurrent.futures import ProcessPoolExecutor
from flows.study.parallel import end_with_parent
sys.path.insert(0, {folder!r})
from busy import work

if __name__ == "__main__":
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent) as pool:
        pool.submit(work, {out!r}).result()
"""
BUSY = """
import os, time
from pathlib import Path

def work(out):
    Path(out).write_text(str(os.getpid()))
    time.sleep(60)
"""


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    """Left alone it would train on beside the same command run again."""
    (tmp_path / "busy.py").write_text(BUSY)
    out, script = tmp_path / "pid", tmp_path / "parent.py"
    script.write_text(PARENT.format(folder=str(tmp_path), out=str(out)))
    path = os.pathsep.join([str(Path(__file__).parents[3]), str(tmp_path)])
    parent = subprocess.Popen([sys.executable, str(script)], env={**os.environ, "PYTHONPATH": path})
    try:
        until = time.monotonic() + 90
        while not (out.exists() and out.read_text()):
            assert parent.poll() is None
            assert time.monotonic() < until, "no worker came up"
            time.sleep(0.05)
        worker = int(out.read_text())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        until = time.monotonic() + 20
        while _alive(worker) and time.monotonic() < until:
            time.sleep(0.05)
        assert not _alive(worker)
    finally:
        parent.kill()
