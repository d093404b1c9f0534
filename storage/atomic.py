"""Files and folders as wholes: made beside the target, then renamed. SHA-256 of a file."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def write_atomically(path: str | Path, content: bytes | str) -> Path:
    """Write `content` (str as UTF-8) to `path`, making its folder. A reader sees the old file or the new one.

    Raises OSError; the temporary file is gone then and the old file is untouched.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    raw = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
    return target


def write_json_atomically(path: str | Path, value: Any) -> Path:
    """Write `value` as indented JSON with sorted keys; the same value gives the same bytes."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return write_atomically(path, text + "\n")


@contextlib.contextmanager
def work_folder(parent: Path, name: str) -> Iterator[Path]:
    """A new folder in `parent` (made if need be) to fill and rename; what is left of it in the end is deleted.

    Folders of the same name whose process was killed are deleted as well. A living process holds a lock on its own;
    where the file system has no locks, nothing of others is deleted.
    """
    prefix = f".making-{name}-"
    parent.mkdir(parents=True, exist_ok=True)
    gate = _lock(parent, fcntl.LOCK_EX)
    try:
        for path in parent.iterdir() if gate is not None else ():
            if path.name.startswith(prefix):
                _delete_if_dead(path)
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        alive = _lock(folder, fcntl.LOCK_EX)
    finally:
        _unlock(gate)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unlock(alive)


def _delete_if_dead(folder: Path) -> None:
    lock = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if lock is not None:
        shutil.rmtree(folder, ignore_errors=True)
        _unlock(lock)


def _lock(folder: Path, how: int) -> int | None:
    """A handle that holds the lock; None if somebody else has it, or it cannot be had."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, how)
    except OSError:
        os.close(handle)
        return None
    return handle


def _unlock(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes as 64 hex digits, read in pieces. OSError as from opening it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
