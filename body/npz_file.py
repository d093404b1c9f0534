"""Reads arrays from an untrusted .npz, without pickles; any fault of the file raises NpzError."""

import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

_TROUBLE = (
    ValueError, TypeError, OSError, EOFError, AttributeError, KeyError, IndexError, SyntaxError, RuntimeError,
    MemoryError, zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip
"""What numpy and zipfile raise on damaged, truncated, encrypted or pickled content."""


class NpzError(ValueError):
    """The file is not a readable .npz; the message says why, the caller's names the file."""


def read_npz(path: Path, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Read the arrays with these names, as far as the file has them, or all.

    FileNotFoundError if there is no file, NpzError if it is unfit.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as stored:
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise NpzError("it holds one bare array, not named ones")
            return {name: stored[name] for name in stored.files if names is None or name in names}
    except NpzError:
        raise
    except _TROUBLE as problem:
        raise NpzError(f"not a readable .npz without pickles ({problem})") from problem
