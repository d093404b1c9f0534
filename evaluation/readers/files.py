"""Opens files that a stranger may have made: the one door of every benchmark reader.

Before a reader gets anything: the file lies inside the folder that the user named (`inside`), what it declares fits its
own size (`budget`), and while it is parsed the process may take only so much more memory and time (`bounded`). All that
can be wrong is one error, BadDatasetError, with the file's name.
"""

import contextlib
import functools
import inspect
import io
import resource
import signal
import struct
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import BadDatasetError
from evaluation.readers.mat import MatError, MatValue, mat_variables
from evaluation.readers.safe_pickle import load_pickle, load_stream
from evaluation.sequence import BenchmarkSequence, check_lengths
from storage.json_text import BadJsonError, read_object

MIB = 1 << 20
LEAST_BUDGET, MOST_BUDGET = 64 * MIB, 8 << 30
EXPANSION = 100
"""Arrays of real benchmarks shrink to a tenth when they are compressed; deflate can make a thousandth of zeros."""
MOST_SECONDS = 300.0
"""For one file. VIBE's largest database takes about 20 s."""
_SLACK = 1 << 30
"""Address space that libraries take for themselves (threads, arenas) beside a file's content."""
_FILTERS = {1, 2, 3, 4, 5, 6, 32000}
"""HDF5's own filters and h5py's LZF; any other number makes HDF5 look for a plugin to load."""

P = ParamSpec("P")
R = TypeVar("R")
_local = threading.local()


class _TimeUpError(Exception):
    """A file took longer than MOST_SECONDS."""


def budget(path: Path) -> int:
    """Bytes of memory that reading `path` may take: 64 MiB and EXPANSION times its size, at most 8 GiB."""
    try:
        return MOST_BUDGET if path.is_dir() else min(MOST_BUDGET, LEAST_BUDGET + EXPANSION * path.stat().st_size)
    except (OSError, ValueError):
        return LEAST_BUDGET


def inside(root: Path, path: Path) -> Path:
    """`path`, whose real place must lie below `root`; BadDatasetError where a name or a link leads out of it."""
    try:
        within = path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise BadDatasetError(path, f"is no name of a file ({error})") from error
    if not within:
        raise BadDatasetError(path, f"leads out of {root}; put the data itself there, not a link to it")
    return path


def named_below(path: Path, root: Path, name: str) -> Path:
    """`root`/`name` for a name that the file `path` gives; BadDatasetError for one that leads out of `root`."""
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or "\0" in name or not parts.parts or ":" in parts.parts[0]:
        raise BadDatasetError(path, f"names {name[:100]!r}, which leads out of {root}")
    return root / name


@contextlib.contextmanager
def bounded(path: Path) -> Iterator[None]:
    """Limits what happens inside to `budget(path)` of memory and MOST_SECONDS; every error becomes BadDatasetError.

    Memory is limited by RLIMIT_AS where /proc tells what is in use; time by an alarm, so in the main thread only.
    """
    try:
        with _memory(budget(path) + _SLACK), _alarm(MOST_SECONDS):
            yield
    except BadDatasetError:
        raise
    except _TimeUpError as error:
        raise BadDatasetError(path, f"takes more than {MOST_SECONDS:g} s to read: a bomb, or a damaged file") from error
    except MemoryError as error:
        most = budget(path) // MIB
        raise BadDatasetError(path, f"takes more than {most} MB to read: a bomb, or a damaged file") from error
    except OSError as error:
        raise BadDatasetError(path, f"cannot be read: {error.strerror or error}") from error
    except Exception as error:  # parsers raise dozens of kinds on damaged files, and each means the same to the caller
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"
        raise BadDatasetError(path, f"is damaged, or not what its name says ({reason})") from error


def opens(argument: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorates a reader: its work on the file named by `argument` is `bounded`; of a generator, each item's."""

    def decorate(read: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(read)

        def path_of(*args: Any, **kwargs: Any) -> Path:
            return Path(signature.bind(*args, **kwargs).arguments[argument])

        @functools.wraps(read)
        def read_all(*args: Any, **kwargs: Any) -> Any:
            path = path_of(*args, **kwargs)
            with bounded(path):
                records = read(*args, **kwargs)
                for record in records if isinstance(records, list) else [records]:
                    _check(path, record)
                return records

        @functools.wraps(read)
        def read_each(*args: Any, **kwargs: Any) -> Iterator[Any]:
            path, records = path_of(*args, **kwargs), cast(Iterator[Any], read(*args, **kwargs))
            while True:
                with bounded(path):
                    try:
                        record = next(records)
                    except StopIteration:
                        return
                    _check(path, record)
                yield record

        return cast(Callable[P, R], read_each if inspect.isgeneratorfunction(read) else read_all)

    return decorate


def _check(path: Path, item: Any) -> None:
    if isinstance(item, BenchmarkSequence):
        check_lengths(path, item)


def read_bytes(path: Path) -> bytes:
    """The whole file, if it is no larger than MOST_BUDGET."""
    with bounded(path):
        if path.stat().st_size > MOST_BUDGET:
            raise BadDatasetError(path, f"has {path.stat().st_size >> 30} GB, more than is read at once")
        return path.read_bytes()


def read_text(path: Path) -> str:
    """The whole file as UTF-8."""
    with bounded(path):
        return read_bytes(path).decode("utf-8")


def read_json_object(path: Path) -> dict[str, Any]:
    """The object of a JSON file."""
    with bounded(path):
        try:
            return read_object(read_bytes(path))
        except BadJsonError as error:
            raise BadDatasetError(path, f"is not whole JSON ({error})") from error


def read_pickle(path: Path) -> Any:
    """What the pickle or uncompressed joblib dump holds; nothing that it names is run."""
    with bounded(path):
        return load_pickle(path)


def read_mat(path: Path) -> dict[str, MatValue]:
    """Variables of a MATLAB file up to version 7.2; 7.3 is HDF5."""
    with bounded(path):
        try:
            return mat_variables(read_bytes(path), budget(path))
        except (MatError, struct.error, zlib.error) as error:
            raise BadDatasetError(path, f"is not a MATLAB file, or a torn one ({error})") from error


def read_hdf5(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The named datasets of the file itself: links, external storage and virtual datasets are refused."""
    try:
        import h5py
    except ImportError as error:
        raise BadDatasetError(path, "is HDF5, which needs h5py: pip install h5py") from error
    with bounded(path):
        try:
            with h5py.File(path, "r") as file:
                missing = [name for name in names if name not in file]
                if missing:
                    raise BadDatasetError(path, f"has no {', '.join(missing)}; is the download complete?")
                return {name: _hdf5_array(path, file, name) for name in names}
        except OSError as error:
            raise BadDatasetError(path, f"is not a whole HDF5 file ({error})") from error


def read_npz(path: Path, names: Collection[str] | None = None) -> dict[str, Any]:
    """The named arrays that are there, or all; arrays of objects go through the safe unpickler."""
    with bounded(path):
        try:
            with zipfile.ZipFile(path) as archive:
                members = [info for info in archive.infolist() if names is None or _stem(info) in names]
                _check_members(path, members)
                return {_stem(info): _npz_array(path, archive, info) for info in members}
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
            raise BadDatasetError(path, f"is not a whole .npz ({error})") from error


def read_npy(path: Path) -> NDArray[Any]:
    """The array of an .npy file, without pickles."""
    with bounded(path):
        value = _array(path, path.name, read_bytes(path))
        if not isinstance(value, np.ndarray):
            raise BadDatasetError(path, "holds objects, not an array of numbers")
        return value


def inflated(path: Path, packed: bytes, size: int) -> bytes:
    """The first `size` bytes of gzip data; BadDatasetError where there are fewer."""
    data = zlib.decompressobj(31).decompress(packed, max(size, 1))
    if len(data) < size:
        raise BadDatasetError(path, f"holds {len(data)} bytes of records where {size} are declared")
    return data[:size]


def _hdf5_array(path: Path, file: Any, name: str) -> NDArray[Any]:
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise BadDatasetError(path, f"{name} is a link; the data must lie in the file itself")
    item = file[name]
    if not isinstance(item, h5py.Dataset):
        raise BadDatasetError(path, f"{name} is not an array")
    if item.external or item.is_virtual:
        raise BadDatasetError(path, f"{name} lies in another file; the data must lie in the file itself")
    if item.dtype.kind == "O" and h5py.check_string_dtype(item.dtype) is None:
        raise BadDatasetError(path, f"{name} holds objects, not numbers or words")
    settings = item.id.get_create_plist()
    unknown = {settings.get_filter(i)[0] for i in range(settings.get_nfilters())} - _FILTERS
    if unknown:
        raise BadDatasetError(path, f"{name} is packed by filter {min(unknown)}, which is not one of HDF5's own")
    chunk = int(np.prod(item.chunks or (0,), dtype=np.float64)) * item.dtype.itemsize
    _check_size(path, name, max(int(item.nbytes), chunk))
    return np.asarray(item)


def _check_size(path: Path, name: str, size: int) -> None:
    if size > budget(path):
        raise BadDatasetError(path, f"{name} would take {size // MIB} MB, {budget(path) // MIB} MB at most are read")


def _stem(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")


def _check_members(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    for info in members:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadDatasetError(path, f"{info.filename[:100]} is packed in a way that numpy does not write")
    _check_size(path, "all of it", sum(info.file_size for info in members))


def _npz_array(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    with archive.open(info) as member:
        return _array(path, _stem(info), member.read(info.file_size))


def _array(path: Path, name: str, data: bytes) -> Any:
    """An array in numpy's format, from its bytes: the shape that it declares must be there."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, kind = read_header(stream)
    if kind.hasobject:
        value = load_stream(path, stream)
        return value.item() if shape == () else value
    count = int(np.prod(shape, dtype=np.float64))
    if count * kind.itemsize > len(data) - stream.tell():
        raise BadDatasetError(path, f"{name} says it is {shape}, which is more than the file holds")
    values = np.frombuffer(data, kind, count, stream.tell())
    return values.reshape(shape, order="F" if by_columns else "C").copy()


@contextlib.contextmanager
def _memory(most: int) -> Iterator[None]:
    """The process may take `most` more bytes of address space, or what an outer limit leaves."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    needed = pages * resource.getpagesize() + most
    limit = needed if soft == resource.RLIM_INFINITY else min(soft, needed)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raises _TimeUpError in the main thread after `seconds`; an alarm that is set already stays as it is."""
    if threading.current_thread() is not threading.main_thread() or getattr(_local, "alarmed", False):
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise _TimeUpError

    before = signal.signal(signal.SIGALRM, stop)
    began, (left, every) = time.monotonic(), signal.setitimer(signal.ITIMER_REAL, seconds)
    _local.alarmed = True
    try:
        yield
    finally:
        _local.alarmed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left > 0:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 1e-3), every)
