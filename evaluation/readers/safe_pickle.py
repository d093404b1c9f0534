"""Read the pickles that benchmarks come in (3DPW, VIBE's joblib dumps) without running what they say.

A pickle may name any function of Python. These files need numpy arrays, strings and numbers, so the unpickler opens
for a handful of numpy's names and refuses every other one.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from body.safe_pickle import NUMPY_NAMES, NamedOnly
from evaluation.errors import BadDatasetError

_BROKEN = (EOFError, AttributeError, KeyError, IndexError, ValueError, TypeError, OverflowError, MemoryError)


_BUILD = pickle._Unpickler.dispatch[pickle.BUILD[0]]


class UnsafePickleError(BadDatasetError):
    """The pickle asks for code. Nothing of it was run."""


class _Joblib:
    """Stand-in for joblib's NumpyArrayWrapper: says shape and type of the array whose bytes follow in the file."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state


class _Unpickler(NamedOnly, pickle._Unpickler):  # Python's own, since joblib's arrays lie between its opcodes
    allowed: ClassVar[Mapping[tuple[str, str], Any]] = {
        **NUMPY_NAMES,
        ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Joblib,
    }
    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, path: Path, stream: Any) -> None:
        super().__init__(stream, encoding="latin1")
        self._path, self._stream = path, stream

    def unknown_name(self, module: str, name: str) -> Any:
        raise UnsafePickleError(
            self._path, f"refused: the pickle asks for {module}.{name}, which no benchmark file needs"
        )

    def load_build(self) -> None:
        _BUILD(self)  # type: ignore[arg-type]
        stack: list[Any] = self.stack  # type: ignore[attr-defined]
        if isinstance(stack[-1], _Joblib):
            stack[-1] = self._array(stack[-1].state)

    dispatch[pickle.BUILD[0]] = load_build

    def _array(self, state: dict[str, Any]) -> np.ndarray[Any, Any]:
        kind = np.dtype(state["dtype"])
        if kind.hasobject:
            raise UnsafePickleError(self._path, "refused: an array of Python objects")
        if state.get("numpy_array_alignment_bytes") is not None:
            self._stream.read(self._stream.read(1)[0])
        count = int(np.prod(state["shape"], dtype=np.int64))
        data = self._stream.read(count * kind.itemsize)
        return np.frombuffer(data, kind, count).reshape(state["shape"], order=state["order"]).copy()


def load_stream(path: Path, stream: BinaryIO) -> Any:
    """As `load_pickle`, from an open stream; `path` is what errors name."""
    try:
        return _Unpickler(path, stream).load()
    except (pickle.UnpicklingError, *_BROKEN) as error:
        raise BadDatasetError(path, f"is not a whole pickle ({error}); download it again") from error


def load_pickle(path: Path) -> Any:
    """What the pickle or the uncompressed joblib dump at `path` holds. BadDatasetError names a file that is broken,
    UnsafePickleError one that asks for code."""
    try:
        with path.open("rb") as stream:
            return load_stream(path, stream)
    except OSError as error:
        raise BadDatasetError(path, f"cannot be read: {error.strerror}") from error
