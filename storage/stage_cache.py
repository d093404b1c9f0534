"""Answers of labelling's networks, kept below the lake so that a changed threshold asks none of them again.

One file a stage and source: equal records, each the hash of a question and its answer, then a SHA-256 over them. A
file appears whole (rename); one that is cut off or changed is noticed when it is opened, told of, and computed anew.
N records.
"""

import hashlib
import logging
import os
import shutil
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from storage.layout import STAGES

_log = logging.getLogger(__name__)
_KEY_BYTES = 16
_SUM_BYTES = 32
_CHUNK = 1 << 20
_YOUNG_S = 3600.0
"""Younger files may belong to labels that wait for their commit."""


def question(*parts: bytes) -> bytes:
    """The key of an answer: a hash of what was asked."""
    return hashlib.blake2b(b"".join(parts), digest_size=_KEY_BYTES).digest()


class Deferred(ABC):
    """Answers that are read when they are committed: from the disk (`Kept`), or from another machine's memory
    (harvest/ray_engine.py)."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes that `read` takes into memory."""

    @property
    @abstractmethod
    def there(self) -> bool:
        """Whether they can still be read: an erasure deletes them on the disk."""

    @abstractmethod
    def read(self) -> NDArray[np.generic]:
        """(N, ...) the answers. OSError or ValueError if they are gone."""


@dataclass(frozen=True)
class Kept(Deferred):
    """A column of records of one store, left on the disk until it is read. Can be sent to another process."""

    path: Path
    record: np.dtype[np.void]
    rows_N: NDArray[np.int64]
    name: str

    @property
    def size(self) -> int:
        """Bytes that `read` takes into memory."""
        return len(self.rows_N) * int(self.record[self.name].itemsize)

    @property
    def there(self) -> bool:
        """Whether the file still lies there."""
        return self.path.exists()

    def read(self) -> NDArray[np.generic]:
        """(N, ...) the answers. OSError or ValueError if the file is gone."""
        return np.asarray(np.memmap(self.path, self.record, mode="r", shape=(int(self.rows_N.max()) + 1,))[self.name][
            self.rows_N
        ])  # fmt: skip


class StageStore:
    """One stage's answers about one source. `finish` keeps what was added, `drop` forgets it."""

    def __init__(self, path: Path, answer: list[tuple[str, str, tuple[int, ...]]]) -> None:
        self.path = path
        self.record: np.dtype[np.void] = np.dtype([("key", f"V{_KEY_BYTES}"), *answer])
        for left in path.parent.glob(f".{path.name}.*"):
            left.unlink(missing_ok=True)  # of a process that was killed: a source has one worker at a time
        self._rows = self._index()
        self._old = self._count = len(self._rows)
        self._unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        self._new: BinaryIO | None = None

    def _index(self) -> dict[bytes, int]:
        if not self.path.exists():
            return {}
        size = self.path.stat().st_size - _SUM_BYTES
        if size < 0 or size % self.record.itemsize or _checksum(self.path, size) != _tail(self.path):
            _log.warning("%s: damaged, its answers are computed again", self.path)
            self.path.unlink()
            return {}
        if size == 0:
            return {}
        records_N = np.memmap(self.path, self.record, mode="r", shape=(size // self.record.itemsize,))
        return {bytes(key): row for row, key in enumerate(records_N["key"])}

    def find(self, key: bytes) -> int | None:
        """The row of an answer from an earlier labelling, or None."""
        return self._rows.get(key)

    def answer(self, row: int) -> np.void:
        """One record from an earlier labelling."""
        (record,) = np.fromfile(self.path, self.record, count=1, offset=row * self.record.itemsize)
        return record  # type: ignore[no-any-return]

    def add(self, key: bytes, *answer: object) -> int:
        """Keep an answer; its row."""
        if self._new is None:
            self._new = self._begin()
        self._new.write(np.array((np.void(key), *answer), self.record).tobytes())
        self._count += 1
        return self._count - 1

    def _begin(self) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._old:
            shutil.copyfile(self.path, self._unfinished)
        file = self._unfinished.open("r+b" if self._old else "w+b")
        file.truncate(self._old * self.record.itemsize)
        file.seek(0, os.SEEK_END)
        return file

    def finish(self) -> None:
        """What was added is there for the next labelling. OSError if the disk is full."""
        if self._new is None:
            return
        self._new.flush()
        self._new.write(_checksum(self._unfinished, self._count * self.record.itemsize))
        self._new.flush()
        os.fsync(self._new.fileno())
        self._new.close()
        self._new = None
        self._unfinished.replace(self.path)

    def drop(self) -> None:
        """Forget what was added."""
        if self._new is not None:
            self._new.close()
            self._new = None
            self._unfinished.unlink(missing_ok=True)

    def kept(self, rows_N: NDArray[np.int64], name: str) -> Kept:
        """Answers by row, to be read after `finish`."""
        return Kept(self.path, self.record, rows_N, name)


def prune(cache: Path, max_bytes: float, *, younger_s: float = _YOUNG_S) -> int:
    """Delete the stage files below a cache that were used longest ago, until the rest fits. Returns bytes freed."""
    files = [(path.stat(), path) for path in cache.glob(f"*/{STAGES}/*") if path.is_file()]
    total, freed = sum(stat.st_size for stat, _ in files), 0
    for stat, path in sorted(files, key=lambda pair: pair[0].st_mtime):
        if total - freed <= max_bytes or time.time() - stat.st_mtime < younger_s:
            break
        path.unlink(missing_ok=True)
        freed += stat.st_size
    return freed


def _checksum(path: Path, size: int) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0 and (chunk := file.read(min(_CHUNK, size))):
            digest.update(chunk)
            size -= len(chunk)
    return digest.digest()


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-_SUM_BYTES, os.SEEK_END)
        return file.read()
