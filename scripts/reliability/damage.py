"""Ways to damage bytes, whatever the format; each is a function of (bytes, random numbers)."""

import random
import struct
from collections.abc import Callable

Damage = Callable[[bytes, random.Random], bytes]
NUMBERS = (
    b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\xff" * 4, b"\xff" * 8, b"\0" * 4, b"\0" * 8, b"\0\0\0\x80",
    b"\x80\0\0\0", b"\0\0\0\1", b"\1\0\0\0", struct.pack("<d", float("nan")), struct.pack(">q", 1 << 40),
)  # fmt: skip
WORDS = (
    b"nan",
    b"1e999",
    b"-1",
    b"9" * 40,
    b'"',
    b"\0",
    b"\xc3\x28",
    b"[" * 3000,
    b"&x;",
    b"../../etc/passwd",
    b"\x1b[2J",
)


def _span(data: bytes, rng: random.Random) -> tuple[int, int]:
    at, to = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return at, to


def cut_tail(data: bytes, rng: random.Random) -> bytes:
    """The file ends early."""
    return data[: rng.randrange(len(data))]


def cut_head(data: bytes, rng: random.Random) -> bytes:
    """The file begins late."""
    return data[rng.randrange(1, len(data)) :]


def one_byte(data: bytes, rng: random.Random) -> bytes:
    """One byte is another."""
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(1) + data[at + 1 :]


def head_bytes(data: bytes, rng: random.Random) -> bytes:
    """Five bytes of the first kilobyte are others."""
    made = bytearray(data)
    for _ in range(5):
        made[rng.randrange(min(1000, len(data)))] = rng.randrange(256)
    return bytes(made)


def many_bytes(data: bytes, rng: random.Random) -> bytes:
    """One byte in a hundred is another."""
    made = bytearray(data)
    for _ in range(max(1, len(data) // 100)):
        made[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(made)


def zeros(data: bytes, rng: random.Random) -> bytes:
    """A stretch is zero, as after a lost block of a disk."""
    at, to = _span(data, rng)
    return data[:at] + bytes(to - at) + data[to:]


def ones(data: bytes, rng: random.Random) -> bytes:
    """A stretch is 0xff."""
    at, to = _span(data, rng)
    return data[:at] + b"\xff" * (to - at) + data[to:]


def noise(data: bytes, rng: random.Random) -> bytes:
    """A stretch is random."""
    at, to = _span(data, rng)
    return data[:at] + rng.randbytes(to - at) + data[to:]


def deleted(data: bytes, rng: random.Random) -> bytes:
    """A stretch is missing."""
    at, to = _span(data, rng)
    return data[:at] + data[to:]


def repeated(data: bytes, rng: random.Random) -> bytes:
    """A stretch is there twice."""
    at, to = _span(data, rng)
    return data[:to] + data[at:]


def swapped(data: bytes, rng: random.Random) -> bytes:
    """Two stretches have changed places."""
    at, to = _span(data, rng)
    middle = (at + to) // 2
    return data[:at] + data[middle:to] + data[at:middle] + data[to:]


def inserted(data: bytes, rng: random.Random) -> bytes:
    """Random bytes are put in."""
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.choice((1, 16, 4000))) + data[at:]


def numbers(data: bytes, rng: random.Random) -> bytes:
    """An extreme number stands somewhere."""
    at, number = rng.randrange(len(data)), rng.choice(NUMBERS)
    return data[:at] + number + data[at + len(number) :]


def head_numbers(data: bytes, rng: random.Random) -> bytes:
    """An extreme number stands in the first kilobyte, where sizes and counts are."""
    at, number = rng.randrange(min(1000, len(data))), rng.choice(NUMBERS)
    return data[:at] + number + data[at + len(number) :]


def words(data: bytes, rng: random.Random) -> bytes:
    """A word is put in that parsers stumble over."""
    at = rng.randrange(len(data))
    return data[:at] + rng.choice(WORDS) + data[at:]


def reversed_bytes(data: bytes, rng: random.Random) -> bytes:
    """Backwards."""
    return data[::-1]


def appended(data: bytes, rng: random.Random) -> bytes:
    """Garbage follows."""
    return data + rng.randbytes(rng.choice((1, 1000, 100_000)))


def magic_only(data: bytes, rng: random.Random) -> bytes:
    """The first bytes are right, all that follows is random."""
    return data[: rng.choice((4, 8, 16, 64))] + rng.randbytes(rng.choice((10, 5000)))


def random_bytes(data: bytes, rng: random.Random) -> bytes:
    """Nothing is right."""
    return rng.randbytes(rng.choice((1, 100, 50_000)))


def empty(data: bytes, rng: random.Random) -> bytes:
    """Nothing or next to nothing."""
    return b"\0" * rng.choice((0, 0, 1, 2))


BYTE_DAMAGES: tuple[Damage, ...] = (
    cut_tail, cut_head, one_byte, head_bytes, many_bytes, zeros, ones, noise, deleted, repeated, swapped, inserted,
    numbers, head_numbers, words, reversed_bytes, appended, magic_only, random_bytes, empty,
)  # fmt: skip
