"""Ctrl-C, an error or a kill in the middle of a step, and the same again at once: once in the lake, nothing left."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.atomic import work_folder
from storage.commit import ORDER, commit_shard
from storage.delta import DeltaFolder
from storage.errors import LakeError
from storage.example_rows import shard, source_name
from storage.lake import Lake
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile
from storage.rewrite import change_rows, compact

SOURCES = [source_name(number) for number in range(2)]
FINISHED = {source: Finished("k1", 2) for source in SOURCES}


def _at(point: str, error: BaseException) -> Callable[[str], None]:
    def between(reached: str) -> None:
        if reached == point:
            raise error

    return between


@pytest.mark.parametrize("point", ["opened", *ORDER, "closed"])
@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), OSError(errno.EIO, "the store is away")], ids=["ctrl-c", "error"]
)
def test_a_commit_that_was_cut_and_is_made_again_is_in_once(tmp_path: Path, point: str, error: BaseException) -> None:
    lake, ledger = Lake(tmp_path / "lake"), Ledger.open(tmp_path / "lake")
    ledger.ask([Item(source, "films.test") for source in SOURCES])
    ledger.claim("w", limit=2)
    with pytest.raises(type(error)):
        commit_shard(lake, ledger, "w", shard(SOURCES, frames=3), FINISHED, between=_at(point, error))
    went_in = commit_shard(lake, ledger, "w", shard(SOURCES, frames=3), FINISHED)
    assert set(went_in) == (set() if point == "closed" else set(SOURCES))
    expected = shard(SOURCES, frames=3)
    assert {name: lake.read(name).num_rows for name in expected} == {n: t.num_rows for n, t in expected.items()}
    assert ledger.books().done == 2
    assert ledger.open_commits(older_than_lease=False) == {}
    findings = reconcile(lake, ledger)
    assert (findings.problems, findings.repaired) == ([], [])
    ledger.close()


@pytest.mark.parametrize("what", ["compact", "change"])
def test_an_interrupt_just_after_a_swap_of_files_deletes_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    lake = Lake(tmp_path)
    for source in SOURCES:
        lake.append("videos", shard([source], frames=3)["videos"])
    real = DeltaFolder.replace

    def then_interrupted(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(DeltaFolder, "replace", then_interrupted)
    rewrite = {
        "compact": lambda: compact(lake, "videos"),
        "change": lambda: change_rows(lake, "videos", None, lambda rows: (rows, 1)),
    }
    with pytest.raises(KeyboardInterrupt):
        rewrite[what]()
    monkeypatch.undo()
    assert sorted(lake.read("videos")["source_id"].to_pylist()) == sorted(SOURCES)


KILLED = """
import os, signal, sys
from pathlib import Path
from storage.atomic import work_folder
with work_folder(Path(sys.argv[1]), "out") as work:
    (work / "half").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_folder_of_a_killed_process_goes_with_the_next_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    child = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(root)}, check=False)
    assert child.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    mine = tmp_path / ".making-outer"
    mine.mkdir()
    with work_folder(tmp_path, "out") as first:
        assert not left.exists()
        with work_folder(tmp_path, "out") as second:
            assert first.exists()
        assert not second.exists()
    assert list(tmp_path.iterdir()) == [mine], "a folder of another name is not ours to delete"


class PanicException(BaseException):
    """What a Rust library raises through Python when it gives up."""


def test_a_panic_of_the_storage_library_is_an_error_with_a_way_out(tmp_path: Path, monkeypatch: Any) -> None:
    lake = Lake(tmp_path)

    def panic(*_: object, **__: object) -> None:
        raise PanicException('Failed to create a tokio runtime: "Too many open files"')

    monkeypatch.setattr("storage.delta.DeltaTable", panic)
    with pytest.raises(LakeError, match="ulimit -n"):
        lake.read("videos")
