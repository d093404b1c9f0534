"""Read a pickle without running its code: the unpickler resolves only the names of a table of harmless ones.

Every unpickler of this project inherits from `NamedOnly`. Each has the table of names that its files need, and decides
how to treat any other name. `NUMPY_NAMES` are the names that any file of arrays needs.
Benchmark files (evaluation/readers) add joblib's, checkpoints (harvest/weights) torch's, SMPL's official .pkl its own.

A pickle may also ask for memory that its bytes do not back: a memo of two thousand million places in five bytes, an
array of a given shape without data, a string of a terabyte. `NamedOnly` is Python's own unpickler, whose memo is a
dictionary, reads no more than the file has, and holds each array against the bytes that came for it.

The official files hold numpy arrays, scipy sparse matrices and chumpy arrays. The last two are read into plain
stand-ins and turned into numpy; chumpy itself is not needed.
"""

import io
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
import scipy.sparse

_PLAIN_TYPE = re.compile(r"[<>|=]?([?bBhHiIlLqQefdg]|[biufcSU]\d{1,6}|O8?)")


class UnsafePickleError(ValueError):
    """The file names a class or function that such files never need, asks for memory that its bytes do not back, or is
    not a pickle at all."""


class _Ndarray:
    """Stands for the name numpy.ndarray, which pickles pass on and never need to call."""


def _empty(kind: object, shape: object, code: object) -> np.ndarray[Any, Any]:
    """numpy's `_reconstruct`: an array of nothing, whose state follows."""
    if kind is not _Ndarray:
        raise ValueError("reconstructs something that is not an array")
    return np.ndarray((0,), "b")


def _dtype(text: object, align: object = False, copy: object = False) -> np.dtype[Any]:
    if not isinstance(text, str) or not _PLAIN_TYPE.fullmatch(text):
        raise ValueError(f"an array of type {str(text)[:60]!r}, which such a file never has")
    return np.dtype(text, copy=True)  # type: ignore[no-any-return, call-overload]  # its state is set in place


def _scalar(kind: object, data: object) -> Any:
    if not isinstance(kind, np.dtype) or kind.hasobject or not isinstance(data, bytes) or len(data) != kind.itemsize:
        raise ValueError("a number that is not of its type")
    return np.frombuffer(data, kind)[0]


def _latin1(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes at pickle protocol 2."""
    if encoding not in ("latin1", "latin-1"):
        raise UnsafePickleError(f"encodes with {encoding}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How protocols below 3 write an empty bytes object."""
    return b""


NUMPY_NAMES: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _Ndarray,
    ("numpy", "dtype"): _dtype,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _empty for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    ("__builtin__", "bytes"): _no_bytes,
    ("_codecs", "encode"): _latin1,
    ("collections", "OrderedDict"): OrderedDict,
}
"""Module and name, as a pickle writes them, and what is given for it."""


class Backed:
    """A stream that never promises more bytes than it has: Python takes the memory for a read before it reads."""

    def __init__(self, stream: BinaryIO) -> None:
        here = stream.tell()
        self._stream, self._size = stream, stream.seek(0, io.SEEK_END)
        stream.seek(here)

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes; EOFError where the file has fewer."""
        if not 0 <= count <= self._size - self._stream.tell():
            raise EOFError("a value runs past the end of the file")
        return self._stream.read(count)

    def readline(self) -> bytes:
        """The rest of the line."""
        return self._stream.readline()


class NamedOnly(pickle._Unpickler):
    """A pickle gets the names of `allowed` and no others, and memory for what its bytes back."""

    allowed: ClassVar[Mapping[tuple[str, str], Any]] = NUMPY_NAMES
    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, stream: BinaryIO, **options: Any) -> None:
        self.backed = Backed(stream)
        super().__init__(self.backed, **options)  # type: ignore[arg-type]

    def find_class(self, module: str, name: str) -> Any:
        """The object for a name in the pickle. A pickle can reach code only through this method."""
        try:
            return self.allowed[module, name]
        except KeyError:
            return self.unknown_name(module, name)

    def unknown_name(self, module: str, name: str) -> Any:
        """Raises UnsafePickleError for a name that is not in `allowed`; a subclass may return a stand-in instead."""
        raise UnsafePickleError(f"asks for {module}.{name}, which such a file never needs")

    def load_build(self) -> None:
        """Gives the last object its state; for an array and its type, what the bytes back."""
        stack: list[Any] = self.stack  # type: ignore[attr-defined]
        state, made = stack.pop(), stack[-1]
        if isinstance(made, np.dtype):
            if len(state) < 8 or any(part is not None for part in state[2:5]):
                raise ValueError("an array of records, which such a file never has")
            ordered: Any = made.newbyteorder(state[1])
            made.__setstate__(ordered.__reduce__()[2])  # type: ignore[attr-defined]
        elif isinstance(made, np.ndarray):
            made.__setstate__(backed_state(state))  # in place: the pickle may name the array again
        else:
            stack[-1] = self.with_state(made, state)

    def with_state(self, made: Any, state: Any) -> Any:
        """What takes the place of an object that is no array, once its state is known. ValueError: it takes none."""
        raise ValueError(f"gives a state to a {type(made).__name__}")

    def load_bytearray8(self) -> None:
        """Python takes the declared memory before it reads."""
        raise UnsafePickleError("holds a bytearray, which such a file never needs")

    dispatch[pickle.BUILD[0]] = lambda self: self.load_build()
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


def backed_state(state: Any) -> tuple[Any, ...]:
    """What numpy pickles of an array (version, shape, dtype, by columns, bytes or list of objects), held against the
    data that came. Raises UnsafePickleError where they do not fit."""
    version, shape, kind, by_columns, data = state
    count = count_of(shape)
    if kind.hasobject:
        if not isinstance(data, list) or len(data) != count:
            raise ValueError("an array of objects that are not all there")
        return version, shape, kind, bool(by_columns), data
    raw = data.encode("latin1") if isinstance(data, str) else data
    if not isinstance(raw, bytes) or len(raw) != count * kind.itemsize:
        raise UnsafePickleError(f"holds an array of {str(shape)[:60]} without its bytes")
    return version, shape, kind, bool(by_columns), raw


def count_of(shape: Any) -> int:
    """Entries of an array of that shape; ValueError for what is no shape."""
    count = 1
    for size in shape:
        if not isinstance(size, int) or size < 0:
            raise ValueError(f"an array of the shape {str(shape)[:60]}")
        count *= size
    return count


class _Held:
    """Keeps the state of an object of a library that we do not load."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class _Chumpy(_Held):
    """chumpy.Ch keeps its array in `x`; chumpy's Select keeps another array in `a` and flat indices into it."""

    def array(self) -> np.ndarray:
        state = self.__dict__
        if "x" in state:
            return np.asarray(state["x"])
        if "a" in state and "idxs" in state:
            picked: np.ndarray = np.asarray(_plain(state["a"])).ravel()[np.asarray(state["idxs"])]
            shape = state.get("preferred_shape")
            return picked if shape is None else picked.reshape(shape)
        raise UnsafePickleError(f"holds a chumpy expression of {sorted(state)}, which has no stored value")


_MOST_DENSE = 1 << 26
"""Entries of a sparse matrix that is made dense: SMPL's regressor has 24 x 6,890, a large body's 100 x 100,000."""


class _Sparse(_Held):
    """scipy's compressed sparse column matrix."""

    def array(self) -> np.ndarray:
        s = self.__dict__
        shape = s.get("_shape", s.get("shape"))
        if count_of(shape) > _MOST_DENSE:
            raise UnsafePickleError(f"holds a sparse matrix of {str(shape)[:60]}, too large for a body")
        return np.asarray(scipy.sparse.csc_matrix((s["data"], s["indices"], s["indptr"]), shape=shape).todense())


def _reconstructor(kind: type, base: type, state: object) -> object:
    """Python 2's way to make an empty object; only for the stand-ins."""
    if not (isinstance(kind, type) and issubclass(kind, _Held)):
        raise UnsafePickleError(f"reconstructs a {kind!r}")
    return kind()


class _BodyUnpickler(NamedOnly):
    allowed: ClassVar[Mapping[tuple[str, str], Any]] = {
        **NUMPY_NAMES,
        ("copyreg", "_reconstructor"): _reconstructor,
        ("copy_reg", "_reconstructor"): _reconstructor,
        ("builtins", "object"): object,
        ("__builtin__", "object"): object,
        ("scipy.sparse.csc", "csc_matrix"): _Sparse,
        ("scipy.sparse._csc", "csc_matrix"): _Sparse,
        ("chumpy.ch", "Ch"): _Chumpy,
        ("chumpy", "Ch"): _Chumpy,
        ("chumpy.reordering", "Select"): _Chumpy,
    }

    def with_state(self, made: Any, state: Any) -> Any:
        """chumpy's and scipy's objects keep theirs."""
        if not isinstance(made, _Held):
            return super().with_state(made, state)
        made.__setstate__(state)
        return made


def _plain(value: Any) -> Any:
    return value.array() if isinstance(value, (_Chumpy, _Sparse)) else value


def load_body_pickle(path: Path) -> dict[str, Any]:
    """Top-level entries of a body pickle, with chumpy and sparse arrays as numpy.

    Raises UnsafePickleError, naming the file, for a pickle that would run code, is damaged or is not a dictionary.
    """
    try:
        with path.open("rb") as stream:
            entries = _BodyUnpickler(stream, encoding="latin1").load()
        if not isinstance(entries, dict):
            raise UnsafePickleError(f"holds a {type(entries).__name__}, not a dictionary")
        return {str(name): _plain(value) for name, value in entries.items()}
    except UnsafePickleError as problem:
        raise UnsafePickleError(f"{path}: refused: {problem}") from None
    except OSError:
        raise
    except Exception as problem:  # a damaged pickle can make Python raise anything
        raise UnsafePickleError(f"{path}: not a readable body pickle ({problem})") from problem
