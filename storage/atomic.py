"""Files as wholes: written whole or not at all (temporary file beside the target, fsync, rename), and their SHA-256."""

import contextlib
import hashlib
import json
import os
import tempfile
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


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes as 64 hex digits, read in pieces. OSError as from opening it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
