"""Answers are kept whole or not at all, and a damaged file is computed again."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from storage.layout import STAGES, Layout
from storage.stage_cache import StageStore, prune, question

ANSWER: list[tuple[str, str, tuple[int, ...]]] = [("value", "<f4", (3,))]


def _filled(path: Path, numbers: range) -> StageStore:
    store = StageStore(path, ANSWER)
    for n in numbers:
        store.add(question(b"%d" % n), np.full(3, n, np.float32))
    store.finish()
    return store


def test_answers_come_back_and_more_are_added(tmp_path: Path) -> None:
    path = tmp_path / "a" / "poses"
    _filled(path, range(5))
    _filled(path, range(5, 8))
    store = StageStore(path, ANSWER)
    rows = [store.find(question(b"%d" % n)) for n in range(8)]
    assert rows == list(range(8))
    assert store.find(question(b"9")) is None
    assert store.answer(6)["value"].tolist() == [6, 6, 6]
    assert store.kept(np.array([7, 0]), "value").read().tolist() == [[7, 7, 7], [0, 0, 0]]


def test_dropped_answers_leave_nothing(tmp_path: Path) -> None:
    path = tmp_path / "poses"
    store = StageStore(path, ANSWER)
    store.add(question(b"1"), np.zeros(3))
    store.drop()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
def test_damaged_file_is_told_of_and_gone(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "poses"
    _filled(path, range(4))
    whole = path.read_bytes()
    flipped = bytes([*whole[:20], whole[20] ^ 1, *whole[21:]])
    path.write_bytes({"cut": whole[:-7], "flip": flipped, "empty": b"", "other": b"x" * 500}[damage])
    with caplog.at_level(logging.WARNING):
        store = StageStore(path, ANSWER)
    assert "damaged" in caplog.text
    assert store.find(question(b"0")) is None
    _filled(path, range(2))
    assert StageStore(path, ANSWER).find(question(b"1")) == 1


def test_killed_while_writing(tmp_path: Path) -> None:
    path = tmp_path / "poses"
    _filled(path, range(3))
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys, numpy as np; from pathlib import Path\n"
         "from storage.stage_cache import StageStore, question\n"
         f"s = StageStore(Path({str(path)!r}), {ANSWER!r})\n"
         "for n in range(10**9):\n    s.add(question(b'x%d' % n), np.zeros(3)); n == 999 and print('on', flush=True)"],
        stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert len(list(tmp_path.iterdir())) == 2
    assert StageStore(path, ANSWER).find(question(b"2")) == 2
    assert [each.name for each in tmp_path.iterdir()] == ["poses"]


def test_prune_deletes_what_is_oldest(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    for age, source in ((30, "old"), (20, "middle"), (10, "new")):
        path = Path(layout.stage_cache(source)) / "poses"
        _filled(path, range(10))
        os.utime(path, (path.stat().st_mtime - 1e5 - age,) * 2)
    size = path.stat().st_size
    assert prune(Path(layout.cache), 1.5 * size) == 2 * size
    assert [each.parent.parent.name for each in tmp_path.glob(f"cache/*/{STAGES}/*")] == ["new"]
    assert prune(Path(layout.cache), 0, younger_s=1e9) == 0
