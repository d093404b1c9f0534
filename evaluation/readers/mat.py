"""Reads the numbers out of a MATLAB file of version 5 to 7.2 (level 5): arrays, cells of arrays, words.

By hand, because scipy's reader is compiled code that ends the process on some damaged files (docs/LOG.md); the format
is small ("MAT-File Format", The MathWorks, level 5). Here every length is held against the bytes that are there.
Structures, sparse arrays and objects are passed over: no benchmark read here has its numbers in one.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

MatValue = NDArray[Any] | list[str]

_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _CHAR = 1, 4
_COMPLEX = 0x0800
_MOST_NESTED = 8


class MatError(ValueError):
    """The bytes are no whole MATLAB file of level 5."""


def mat_variables(data: bytes, most: int) -> dict[str, MatValue]:
    """Variables of the file by name, arrays in MATLAB's shape. MatError where it is damaged, or where what is
    compressed in it would take more than `most` bytes."""
    if data[:10] == b"MATLAB 7.3" or data[:4] == b"\x89HDF":
        raise MatError("version 7.3, which is HDF5")
    if len(data) < 128 or data[126:128] not in (b"IM", b"MI"):
        raise MatError("no header of version 5")
    order = "<" if data[126:128] == b"IM" else ">"
    variables: dict[str, MatValue] = {}
    for kind, body in _elements(memoryview(data)[128:], order):
        if kind == _COMPRESSED:
            engine = zlib.decompressobj()
            plain = engine.decompress(body, max(most, 1))
            if engine.unconsumed_tail:
                raise MatError("its compressed variables would take too much memory")
            most -= len(plain)
            kind, body = next(_elements(memoryview(plain), order), (0, memoryview(b"")))
        if kind == _MATRIX:
            name, value = _matrix(body, order, 0)
            if value is not None:
                variables[name] = value
    return variables


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Kind and content of each data element, one after the other."""
    at = 0
    while at + 8 <= len(data):
        word, size = struct.unpack_from(f"{order}II", data, at)
        if word >> 16:  # a small element: its size and up to four bytes of content share the tag
            kind, size, start, end = word & 0xFFFF, word >> 16, at + 4, at + 8
            if size > 4:
                raise MatError("a small element that is not small")
        else:
            kind, start = word, at + 8
            end = start + size if kind == _COMPRESSED else start + size + -size % 8
        if start + size > len(data):
            raise MatError("a value runs past the end of the file")
        yield kind, data[start : start + size]
        at = end


def _matrix(body: memoryview, order: str, depth: int) -> tuple[str, MatValue | None]:
    """Name and value of a matrix element; None for a class that is passed over."""
    parts = _elements(body, order)
    flags = struct.unpack_from(f"{order}I", _next(parts)[1])[0]
    dims = np.frombuffer(_next(parts)[1], f"{order}i4")
    name = bytes(_next(parts)[1]).decode("latin-1")
    if not len(dims) or (dims < 0).any():
        raise MatError(f"{name} has the shape {dims.tolist()[:9]}")
    shape, count = tuple(dims.tolist()), int(np.prod(dims, dtype=np.float64))
    kind = flags & 0xFF
    if kind == _CELL:
        return name, _cells(parts, shape, count, order, depth)
    if kind == _CHAR:
        return name, _words(parts, shape, order)
    if kind not in _CLASSES:
        return name, None
    values = _numbers(_next(parts), count, order).astype(_CLASSES[kind])
    if flags & _COMPLEX:
        values = values + 1j * _numbers(_next(parts), count, order)
    return name, values.reshape(shape, order="F")


def _cells(
    parts: Iterator[tuple[int, memoryview]], shape: tuple[int, ...], count: int, order: str, depth: int
) -> NDArray[Any]:
    if depth >= _MOST_NESTED:
        raise MatError("cells nested too deep")
    bodies = [body for kind, body in parts if kind == _MATRIX]
    if len(bodies) != count:
        raise MatError(f"a cell array of {count} has {len(bodies)} cells")
    values = np.empty(count, object)
    for place, body in enumerate(bodies):
        values[place] = _matrix(body, order, depth + 1)[1] if len(body) else np.zeros((0, 0))
    return values.reshape(shape, order="F")


def _words(parts: Iterator[tuple[int, memoryview]], shape: tuple[int, ...], order: str) -> list[str]:
    """Rows of a character array."""
    kind, content = _next(parts)
    if kind not in _TEXTS:
        raise MatError("words in an unknown encoding")
    encoding = _TEXTS[kind] + (("-le" if order == "<" else "-be") if _TEXTS[kind] in ("utf-16", "utf-32") else "")
    letters = bytes(content).decode(encoding, "replace")
    rows = shape[0]
    return [letters[row::rows].rstrip() for row in range(min(rows, len(letters)))]


def _numbers(element: tuple[int, memoryview], count: int, order: str) -> NDArray[Any]:
    kind, content = element
    if kind not in _NUMBERS:
        raise MatError(f"numbers of the unknown kind {kind}")
    size = np.dtype(_NUMBERS[kind]).itemsize
    if len(content) != count * size:
        raise MatError(f"{count} numbers are declared, {len(content) // size} are there")
    return np.frombuffer(content, order + _NUMBERS[kind], count)


def _next(parts: Iterator[tuple[int, memoryview]]) -> tuple[int, memoryview]:
    element = next(parts, None)
    if element is None:
        raise MatError("a variable that is not whole")
    return element
