"""TFRecord files and their tf.train.Example messages, read without TensorFlow.

Framing (TensorFlow, core/lib/io/record_writer): length as 8 bytes little-endian, its masked CRC-32C, the message, its
masked CRC-32C. An Example is a protobuf map from a name to a list of bytes, floats or integers. The checksum of
every length is verified, which finds torn and misaligned files; that of a message's bytes is not (no fast CRC-32C
without another dependency).
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import BadDatasetError
from evaluation.readers.files import opens

Feature: TypeAlias = list[bytes] | NDArray[Any]
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MASK = 0xA282EAD8


@opens("path")
def read_examples(path: Path) -> Iterator[dict[str, Feature]]:
    """Each Example of the file: name to list of bytes, or to an array of float32 or int64."""
    try:
        with path.open("rb") as stream:
            size = path.stat().st_size
            while head := stream.read(12):
                length = _length(path, head, size - stream.tell() - 4)
                message = stream.read(length)
                stream.read(4)
                yield _example(message)
    except OSError as error:
        raise BadDatasetError(path, f"cannot be read: {error.strerror}") from error
    except (IndexError, ValueError, struct.error) as error:
        raise BadDatasetError(path, f"holds a broken record ({error}); download it again") from error


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli), bit by bit: for the eight bytes of a record's length."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked_crc(data: bytes) -> int:
    """TFRecord's rotation of the checksum, so that a record inside a record is no false match."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def _length(path: Path, head: bytes, left: int) -> int:
    if len(head) < 12 or struct.unpack("<I", head[8:])[0] != masked_crc(head[:8]):
        raise BadDatasetError(path, "is not a TFRecord file, or is damaged: the checksum of a record is wrong")
    length = int(struct.unpack("<Q", head[:8])[0])
    if length > left:
        raise BadDatasetError(path, "ends in the middle of a record; download it again")
    return length


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a protobuf message."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        width = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _BYTES:
            width, at = _varint(data, at)
        if width is None or at + width > len(data):
            raise ValueError("a field runs past its message")
        yield key >> 3, data[at : at + width]
        at += width


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a number does not end")


def _example(message: bytes) -> dict[str, Feature]:
    result: dict[str, Feature] = {}
    for _, features in _fields(message):
        for _, entry in _fields(features):
            pair = dict(_fields(entry))
            result[pair[1].decode("utf-8")] = _feature(pair.get(2, b""))
    return result


def _feature(data: bytes) -> Feature:
    for number, values in _fields(data):
        items = [value for _, value in _fields(values)]
        if number == 1:
            return items
        if number == 2:
            return np.frombuffer(b"".join(items), "<f4")
        return np.array([n for item in items for n in _integers(item)], np.int64)
    return []


def _integers(item: int | bytes) -> Iterator[int]:
    """Packed or single; 64-bit two's complement."""
    if isinstance(item, int):
        yield item - (1 << 64) if item >= 1 << 63 else item
        return
    at = 0
    while at < len(item):
        value, at = _varint(item, at)
        yield value - (1 << 64) if value >= 1 << 63 else value
