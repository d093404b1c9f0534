"""Read the pickles that benchmarks come in (3DPW, VIBE's joblib dumps) without running what they say.

`body/safe_pickle.py` has the unpickler; here are joblib's arrays, which lie between the opcodes, and the errors that
name the benchmark's file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

import body.safe_pickle
from body.safe_pickle import NUMPY_NAMES, NamedOnly, count_of
from evaluation.errors import BadDatasetError


class UnsafePickleError(BadDatasetError):
    """The pickle asks for code, or for memory that its bytes do not back. Nothing of it was run."""


class _Joblib:
    """Stand-in for joblib's NumpyArrayWrapper: says shape and type of the array whose bytes follow in the file."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state


class _Unpickler(NamedOnly):
    allowed: ClassVar[Mapping[tuple[str, str], Any]] = {
        **NUMPY_NAMES,
        ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Joblib,
    }

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        super().__init__(stream, encoding="latin1")

    def with_state(self, made: Any, state: Any) -> Any:
        """joblib's array, whose bytes follow."""
        if not isinstance(made, _Joblib):
            return super().with_state(made, state)
        made.__setstate__(state)
        return self._joblib_array(made.state)

    def _joblib_array(self, state: dict[str, Any]) -> np.ndarray[Any, Any]:
        kind, shape = state["dtype"], state["shape"]
        if kind.hasobject:
            raise UnsafePickleError(self._path, "refused: an array of Python objects")
        if state.get("numpy_array_alignment_bytes") is not None:
            self.backed.read(self.backed.read(1)[0])
        count = count_of(shape)
        data = self.backed.read(count * kind.itemsize)
        return np.frombuffer(data, kind, count).reshape(shape, order=state["order"]).copy()


def load_stream(path: Path, stream: BinaryIO) -> Any:
    """As `load_pickle`, from an open stream that can seek; `path` is what errors name."""
    try:
        return _Unpickler(path, stream).load()
    except (BadDatasetError, MemoryError, OSError):
        raise
    except body.safe_pickle.UnsafePickleError as error:
        raise UnsafePickleError(path, f"refused: the pickle {error}") from error
    except Exception as error:  # a damaged pickle can make Python raise anything
        raise BadDatasetError(path, f"is not a whole pickle ({error}); download it again") from error


def load_pickle(path: Path) -> Any:
    """What the pickle or the uncompressed joblib dump at `path` holds. BadDatasetError names a file that is broken,
    UnsafePickleError one that asks for code."""
    try:
        with path.open("rb") as stream:
            return load_stream(path, stream)
    except OSError as error:
        raise BadDatasetError(path, f"cannot be read: {error.strerror}") from error
