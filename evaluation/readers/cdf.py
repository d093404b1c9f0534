"""Read the variables of a NASA CDF file: what Human3.6M's pose archives hold. Version 3, uncompressed or gzip records.

Layout: "CDF Internal Format Description", NASA/GSFC, version 3.4: a descriptor (CDR) points to the global one (GDR),
which heads a list of variables (VDR); each has an index (VXR) of the places where its records lie (VVR, CVVR).
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import BadDatasetError
from evaluation.readers.files import inflated, read_bytes

_MAGIC = b"\xcd\xf3\x00\x01\x00\x00\xff\xff"
_NUMBERS = {1: "i1", 2: "i2", 4: "i4", 8: "i8", 11: "u1", 12: "u2", 14: "u4", 21: "f4", 22: "f8", 44: "f4", 45: "f8"}
_LITTLE_ENDIAN = {4, 6, 13, 16, 17}
_VXR, _VVR, _CVVR = 6, 7, 13
_MOST_RECORDS = 1_000_000


def read_cdf(path: Path) -> dict[str, NDArray[Any]]:
    """Every numeric zVariable as (records, *dimensions). BadDatasetError names a file that is broken or older."""
    try:
        data = read_bytes(path)
        if data[:8] != _MAGIC:
            raise BadDatasetError(path, "is not an uncompressed CDF 3 file; `cdfconvert` or cdflib can rewrite it")
        return dict(_variables(path, data))
    except (struct.error, ValueError, zlib.error) as error:
        raise BadDatasetError(path, f"is a broken CDF file ({error}); download it again") from error


def _variables(path: Path, data: bytes) -> Iterator[tuple[str, NDArray[Any]]]:
    _, _, gdr = struct.unpack_from(">qiq", data, 8)
    encoding = struct.unpack_from(">i", data, 8 + 28)[0]
    order = "<" if encoding in _LITTLE_ENDIAN else ">"
    offset = struct.unpack_from(">q", data, gdr + 20)[0]
    seen = set()
    while offset > 0:
        if offset in seen:
            raise BadDatasetError(path, "is a broken CDF file (its list of variables is a circle)")
        seen.add(offset)
        following, kind, last_record, index = struct.unpack_from(">qiiq", data, offset + 12)
        n_elements = struct.unpack_from(">i", data, offset + 64)[0]
        name = data[offset + 84 : offset + 340].split(b"\0")[0].decode("ascii", "replace").strip()
        n_dims = struct.unpack_from(">i", data, offset + 340)[0]
        dims = struct.unpack_from(f">{n_dims}i", data, offset + 344)
        if kind in _NUMBERS and n_elements == 1:
            shape = (last_record + 1, *dims)
            yield name, _records(path, data, index, np.dtype(order + _NUMBERS[kind]), shape)
        offset = following


def _records(path: Path, data: bytes, index: int, kind: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if min(shape) < 0 or np.prod(shape, dtype=np.float64) * kind.itemsize > 100 * len(data) + 1024:
        raise BadDatasetError(path, f"is a broken CDF file (a variable of shape {shape})")
    values = np.zeros(shape, kind)
    for first, last, packed, block in _blocks(path, data, index, 0):
        count = last - first + 1
        if not 0 < count <= shape[0]:
            raise BadDatasetError(path, f"is a broken CDF file (records {first} to {last})")
        size = count * values[0].size
        plain = inflated(path, block, size * kind.itemsize) if packed else block
        values[first : last + 1] = np.frombuffer(plain, kind, size).reshape(count, *shape[1:])
    return values


def _blocks(path: Path, data: bytes, offset: int, depth: int) -> Iterator[tuple[int, int, bool, bytes]]:
    """First record, last record, whether it is gzip, and bytes of each run of records below the index at `offset`."""
    while offset > 0:
        if depth > 64:
            raise BadDatasetError(path, "is a broken CDF file (its index does not end)")
        following, size, used = struct.unpack_from(">qii", data, offset + 12)
        if not 0 <= used <= size <= _MOST_RECORDS:
            raise BadDatasetError(path, "is a broken CDF file (its index has no size)")
        firsts = struct.unpack_from(f">{size}i", data, offset + 28)
        lasts = struct.unpack_from(f">{size}i", data, offset + 28 + 4 * size)
        places = struct.unpack_from(f">{size}q", data, offset + 28 + 8 * size)
        for first, last, place in list(zip(firsts, lasts, places, strict=True))[:used]:
            length, kind = struct.unpack_from(">qi", data, place)
            if kind == _VXR:
                yield from _blocks(path, data, place, depth + 1)
            elif kind == _VVR:
                yield first, last, False, data[place + 12 : place + length]
            elif kind == _CVVR:
                size_packed = struct.unpack_from(">q", data, place + 16)[0]
                yield first, last, True, data[place + 24 : place + 24 + size_packed]
        offset, depth = following, depth + 1
