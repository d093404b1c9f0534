"""Read a pickle without running its code: the unpickler resolves only the names of a table of harmless ones.

Every unpickler of this project inherits from `NamedOnly`. Each has the table of names that its files need, and decides
how to treat any other name. `NUMPY_NAMES` are the names that any file of arrays needs.
Benchmark files (evaluation/readers) add joblib's, checkpoints (harvest/weights) torch's, SMPL's official .pkl its own.

The official files hold numpy arrays, scipy sparse matrices and chumpy arrays. The last two are read into plain
stand-ins and turned into numpy; chumpy itself is not needed.
"""

import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import scipy.sparse


class UnsafePickleError(ValueError):
    """The file names a class or function that such files never need, or is not a pickle at all."""


def _latin1(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes at pickle protocol 2."""
    if encoding not in ("latin1", "latin-1"):
        raise UnsafePickleError(f"encodes with {encoding}")
    return text.encode("latin1")


_reconstruct: Any = np.ndarray.__reduce__(np.zeros(1))[0]
_scalar: Any = np.float64(0).__reduce__()[0]
NUMPY_NAMES: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("_codecs", "encode"): _latin1,
    ("collections", "OrderedDict"): OrderedDict,
}
"""Module and name, as a pickle writes them, and what is given for it."""


class NamedOnly:
    """Mix-in of an unpickler: a pickle gets the names of `allowed` and no others."""

    allowed: ClassVar[Mapping[tuple[str, str], Any]] = NUMPY_NAMES

    def find_class(self, module: str, name: str) -> Any:
        """The object for a name in the pickle. A pickle can reach code only through this method."""
        try:
            return self.allowed[module, name]
        except KeyError:
            return self.unknown_name(module, name)

    def unknown_name(self, module: str, name: str) -> Any:
        """Raises UnsafePickleError for a name that is not in `allowed`; a subclass may return a stand-in instead."""
        raise UnsafePickleError(f"asks for {module}.{name}, which such a file never needs")


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


class _Sparse(_Held):
    """scipy's compressed sparse column matrix."""

    def array(self) -> np.ndarray:
        s = self.__dict__
        shape = s.get("_shape", s.get("shape"))
        return np.asarray(scipy.sparse.csc_matrix((s["data"], s["indices"], s["indptr"]), shape=shape).todense())


def _reconstructor(kind: type, base: type, state: object) -> object:
    """Python 2's way to make an empty object; only for the stand-ins."""
    if not (isinstance(kind, type) and issubclass(kind, _Held)):
        raise UnsafePickleError(f"reconstructs a {kind!r}")
    return kind()


class _BodyUnpickler(NamedOnly, pickle.Unpickler):
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
    except (pickle.UnpicklingError, EOFError, AttributeError, KeyError, ValueError, TypeError, IndexError) as problem:
        raise UnsafePickleError(f"{path}: not a readable body pickle ({problem})") from problem
