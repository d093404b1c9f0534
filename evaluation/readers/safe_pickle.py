"""Read the pickles that benchmarks come in (3DPW, VIBE's joblib dumps) without running what they say.

A pickle may name any function of Python, and may ask for memory that its bytes do not back. These files need numpy
arrays, strings and numbers, so the unpickler opens for a handful of numpy's names, refuses every other one, and holds
each array against the bytes that came for it.
"""

import io
import pickle
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from body.safe_pickle import NUMPY_NAMES, NamedOnly
from evaluation.errors import BadDatasetError

_PLAIN_TYPE = re.compile(r"[<>|=]?([?bBhHiIlLqQefdg]|[biufcSU]\d{1,6}|O8?)")


class UnsafePickleError(BadDatasetError):
    """The pickle asks for code, or for memory that its bytes do not back. Nothing of it was run."""


class _Ndarray:
    """Stands for the name numpy.ndarray, which pickles pass on and never need to call."""


class _Joblib:
    """Stand-in for joblib's NumpyArrayWrapper: says shape and type of the array whose bytes follow in the file."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state


def _empty(kind: object, shape: object, code: object) -> np.ndarray[Any, Any]:
    """numpy's `_reconstruct`: an array of nothing, whose state follows."""
    if kind is not _Ndarray:
        raise ValueError("reconstructs something that is not an array")
    return np.ndarray((0,), "b")


def _dtype(text: object, align: object = False, copy: object = False) -> np.dtype[Any]:
    if not isinstance(text, str) or not _PLAIN_TYPE.fullmatch(text):
        raise ValueError(f"an array of type {str(text)[:60]!r}, which no benchmark file has")
    return np.dtype(text, copy=True)  # type: ignore[no-any-return, call-overload]  # its state is set in place


def _scalar(kind: object, data: object) -> Any:
    if not isinstance(kind, np.dtype) or kind.hasobject or not isinstance(data, bytes) or len(data) != kind.itemsize:
        raise ValueError("a number that is not of its type")
    return np.frombuffer(data, kind)[0]


def _no_bytes() -> bytes:
    """How protocols below 3 write an empty bytes object."""
    return b""


_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Ndarray,
    ("numpy", "dtype"): _dtype,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _empty for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    ("__builtin__", "bytes"): _no_bytes,
    ("_codecs", "encode"): NUMPY_NAMES["_codecs", "encode"],
    ("collections", "OrderedDict"): OrderedDict,
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Joblib,
}


class _Backed:
    """A stream that never promises more bytes than it has: Python takes the memory for a read before it reads."""

    def __init__(self, stream: BinaryIO) -> None:
        here = stream.tell()
        self._stream, self._size = stream, stream.seek(0, io.SEEK_END)
        stream.seek(here)

    def read(self, count: int) -> bytes:
        if not 0 <= count <= self._size - self._stream.tell():
            raise EOFError("a value runs past the end of the file")
        return self._stream.read(count)

    def readline(self) -> bytes:
        return self._stream.readline()


class _Unpickler(NamedOnly, pickle._Unpickler):  # Python's own, since joblib's arrays lie between its opcodes
    allowed: ClassVar[Mapping[tuple[str, str], Any]] = _NAMES
    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path, self._bytes = path, _Backed(stream)
        super().__init__(self._bytes, encoding="latin1")  # type: ignore[arg-type]

    def unknown_name(self, module: str, name: str) -> Any:
        raise UnsafePickleError(
            self._path, f"refused: the pickle asks for {module}.{name}, which no benchmark file needs"
        )

    def load_build(self) -> None:
        """Gives the last object its state; for an array and its type, what the bytes back."""
        stack: list[Any] = self.stack  # type: ignore[attr-defined]
        state, made = stack.pop(), stack[-1]
        if isinstance(made, np.dtype):
            if len(state) < 8 or any(part is not None for part in state[2:5]):
                raise ValueError("an array of records, which no benchmark file has")
            ordered: Any = made.newbyteorder(state[1])
            made.__setstate__(ordered.__reduce__()[2])  # type: ignore[attr-defined]
        elif isinstance(made, np.ndarray):
            made.__setstate__(self._backed(state))  # in place: the pickle may name the array again
        elif isinstance(made, _Joblib):
            made.__setstate__(state)
            stack[-1] = self._joblib_array(made.state)
        else:
            raise ValueError(f"gives a state to a {type(made).__name__}")

    def load_bytearray8(self) -> None:
        """Python takes the declared memory before it reads."""
        raise UnsafePickleError(self._path, "refused: a bytearray, which no benchmark file has")

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8

    def _backed(self, state: Any) -> tuple[Any, ...]:
        """What numpy pickles of an array (version, shape, dtype, by columns, bytes or list of objects), held against
        the data that came."""
        version, shape, kind, by_columns, data = state
        count = _count(shape)
        if kind.hasobject:
            if not isinstance(data, list) or len(data) != count:
                raise ValueError("an array of objects that are not all there")
            return version, shape, kind, bool(by_columns), data
        raw = data.encode("latin1") if isinstance(data, str) else data
        if not isinstance(raw, bytes) or len(raw) != count * kind.itemsize:
            raise UnsafePickleError(self._path, f"refused: an array of {shape} without its bytes")
        return version, shape, kind, bool(by_columns), raw

    def _joblib_array(self, state: dict[str, Any]) -> np.ndarray[Any, Any]:
        kind, shape = state["dtype"], state["shape"]
        if kind.hasobject:
            raise UnsafePickleError(self._path, "refused: an array of Python objects")
        if state.get("numpy_array_alignment_bytes") is not None:
            self._bytes.read(self._bytes.read(1)[0])
        count = _count(shape)
        data = self._bytes.read(count * kind.itemsize)
        return np.frombuffer(data, kind, count).reshape(shape, order=state["order"]).copy()


def _count(shape: Any) -> int:
    count = 1
    for size in shape:
        if not isinstance(size, int) or size < 0:
            raise ValueError(f"an array of the shape {str(shape)[:60]}")
        count *= size
    return count


def load_stream(path: Path, stream: BinaryIO) -> Any:
    """As `load_pickle`, from an open stream that can seek; `path` is what errors name."""
    try:
        return _Unpickler(path, stream).load()
    except (BadDatasetError, MemoryError, OSError):
        raise
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
