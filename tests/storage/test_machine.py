"""Random histories of one lake: harvest, re-label, erase, snapshot, compaction, crashes, writers side by side.

After each step, once everything that died is settled: the books balance, no row is lost or doubled, every row that
was not erased is what was written, and of an erased source nothing is left in any decoded file.
HMMR_TRIALS=n makes n times as many histories.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from storage.commit import ORDER, commit_shard
from storage.erase.names import Target
from storage.erase.run import erase
from storage.erase.search import search
from storage.errors import CommitAborted
from storage.example_rows import shard, source_name, video_row
from storage.lake import Lake
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.ledger.tables import METADATA
from storage.reconcile import reconcile
from storage.rewrite import compact, sweep
from storage.snapshot import freeze, load
from storage.tables import iter_tracklets

SOURCES = [source_name(i) for i in range(6)]
TABLES = ("tracklets", "features", "videos", "rejects", "shots")
POINTS = ("opened", *ORDER, "closed")


class Clock:
    """A clock that stands until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Died(BaseException):
    """A process ends between two steps."""


class History(RuleBasedStateMachine):
    """The lake beside a model of it: which label versions of which source are in."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="hmmr-machine-"))
        self.clock = Clock()
        self.lake = Lake(self.place())
        self.ledger_url = self.ledger_place()
        self.ledger = Ledger.open(self.ledger_url, self.clock)
        self.inside: dict[str, set[str]] = {}
        self.asked: set[str] = set()
        self.erased: set[str] = set()
        self.left: tuple[set[str], set[float]] = (set(), set())
        self.snapshots: dict[str, set[str]] = {}
        self.version = 0

    def teardown(self) -> None:
        if hasattr(self, "root"):
            self.ledger.close()
            shutil.rmtree(self.root)

    def place(self) -> str:
        """Where this history's lake lies."""
        return str(self.root / "lake")

    def ledger_place(self) -> str:
        """Where its ledger lies."""
        return self.lake.root

    def whole(self) -> Path:
        """A local folder with everything that was written."""
        return self.root

    # ---- what happens -----------------------------------------------------------------------------------------

    def _commit(self, worker: str, key: str, limit: int, between: Callable[[str], None] | None = None) -> set[str]:
        claims = [claim.item.item_id for claim in self.ledger.claim(worker, limit=limit, lease_s=60)]
        if not claims:
            return set()
        finished = {source: Finished(key, 2) for source in claims}
        try:
            return set(commit_shard(self.lake, self.ledger, worker, shard(claims, frames=3, label_key=key), finished,
                                    between=between))  # fmt: skip
        except CommitAborted:
            return set()

    def _ask(self, sources: list[str], key: str) -> None:
        self.ledger.ask([Item(s, "films.test", str(video_row(s)["url"])) for s in sources], recipe=key)
        self.asked |= set(sources)

    def _keep(self, sources: set[str], key: str) -> None:
        for source in sources:
            self.inside.setdefault(source, set()).add(key)

    @rule(
        sources=st.lists(st.sampled_from(SOURCES), min_size=1, max_size=4), point=st.sampled_from((*POINTS, None, None))
    )
    def harvest(self, sources: list[str], point: str | None) -> None:
        """Ask and commit; the process may die at any point."""
        self.version += 1
        key = f"k{self.version}"
        self._ask(sources, key)

        def die(reached: str) -> None:
            if reached == point:
                raise Died

        before = {entry.item.item_id for entry in self.ledger.entries("done")}
        try:
            self._keep(self._commit("w", key, 4, die), key)
        except Died:
            if point in ("tracklets", "closed"):  # whole, whether or not the ledger heard of it
                mine = [e for e in self.ledger.entries() if e.label_key == key and e.item.item_id not in before]
                self._keep({e.item.item_id for e in mine}, key)

    @rule(point=st.sampled_from(POINTS), what=st.sampled_from(("commit", "erase", "compact", "reconcile")),
          sources=st.lists(st.sampled_from(SOURCES), min_size=2, max_size=4))  # fmt: skip
    def side_by_side(self, point: str, what: str, sources: list[str]) -> None:
        """While one worker is in mid-commit, another process does something whole."""
        self.version += 1
        first, second = f"k{self.version}", f"k{self.version}b"
        self._ask(sources, first)

        def meanwhile(reached: str) -> None:
            if reached != point:
                return
            if what == "commit":
                self._keep(self._commit("v", second, 2), second)
            elif what == "erase" and sources[0] not in self.erased:
                self._erase(sources[0])
            elif what == "compact":
                self.tidy(1.0)
            elif what == "reconcile":
                assert reconcile(self.lake, self.ledger).problems == []

        went_in = self._commit("w", first, 2, meanwhile)
        self._keep(went_in - self.erased, first)

    @precondition(lambda self: bool(getattr(self, "asked", set()) - getattr(self, "erased", set())))
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        """Take out one source that was ever asked for."""
        self._erase(data.draw(st.sampled_from(sorted(self.asked - self.erased))))

    def _erase(self, source: str) -> None:
        names, values = self.left
        tracks = [track for track in iter_tracklets(self.lake) if track.source_id == source]
        names |= {source, str(video_row(source)["url"])} | {track.tracklet_id for track in tracks}
        values |= {float(track.keypoints.ravel()[0]) for track in tracks}
        other = Ledger.open(self.ledger_url, self.clock)
        erase(self.lake, other, Target(sources=(source,)))
        other.close()
        self.inside.pop(source, None)
        self.erased.add(source)
        for ids in self.snapshots.values():
            ids -= {track.tracklet_id for track in tracks}

    @rule()
    def snapshot(self) -> None:
        """Freeze what is there."""
        taken = freeze(self.lake)
        self.snapshots[taken.digest] = set(taken.tracklet_ids)

    @rule(age=st.sampled_from((0.0, 3600.0)))
    def tidy(self, age: float) -> None:
        """Join small files, sweep old ones (a reader or writer is never under way here)."""
        for name in TABLES:
            compact(self.lake, name)
            sweep(self.lake, name, older_than_s=max(age, 1.0))

    # ---- what must hold ---------------------------------------------------------------------------------------

    @invariant()
    def all_is_well(self) -> None:
        if not hasattr(self, "lake"):
            return
        self.clock.now += 61
        found = reconcile(self.lake, self.ledger)
        assert found.problems == []
        assert reconcile(self.lake, self.ledger).repaired == []
        books = self.ledger.books()
        assert books.balanced
        assert books.asked == len(self.asked)
        assert books.erased == len(self.erased & self.asked)
        assert self._rows() == self._expected()
        for digest, ids in self.snapshots.items():
            assert set(load(self.lake, digest).tracklet_ids) == ids
        assert search(self.whole(), *self.left) == []

    def _rows(self) -> dict[str, list[str]]:
        return {name: sorted(map(repr, self.lake.read(name).to_pylist())) for name in TABLES}

    def _expected(self) -> dict[str, list[str]]:
        rows: dict[str, list[str]] = {name: [] for name in TABLES}
        for source, keys in self.inside.items():
            for key in keys:
                for name, table in shard([source], frames=3, label_key=key).items():
                    rows[name] += map(repr, table.to_pylist())
        return {name: sorted(texts) for name, texts in rows.items()}


class HistoryOnS3(History):
    """The same on an S3 server; what lies there is copied down to be searched."""

    bucket = ""

    def place(self) -> str:
        return f"{self.bucket}/{self.root.name}"

    def ledger_place(self) -> str:
        return f"sqlite:///{self.root}/ledger.sqlite"

    def whole(self) -> Path:
        copy = self.root / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        for path in self.lake.disk.files(self.lake.root):
            target = copy / path.removeprefix(self.lake.root + "/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.lake.disk.read(path))
        return self.root


class HistoryOnPostgres(History):
    """The same with the ledger in PostgreSQL; its rows are dumped to be searched."""

    new_database: Callable[[], str] = str

    def ledger_place(self) -> str:
        return type(self).new_database()

    def whole(self) -> Path:
        with self.ledger.engine.begin() as connection:
            rows = [map(str, connection.execute(table.select()).all()) for table in METADATA.sorted_tables]
        (self.root / "dump.txt").write_text("\n".join(line for table in rows for line in table))
        return self.root


def _settings(examples: int, steps: int) -> settings:
    trials = int(os.environ.get("HMMR_TRIALS", "1"))
    return settings(max_examples=examples * trials, stateful_step_count=steps, deadline=None,
                    suppress_health_check=list(HealthCheck))  # fmt: skip


@pytest.mark.slow
def test_histories() -> None:
    run_state_machine_as_test(History, settings=_settings(5, 8))


@pytest.mark.slow
def test_histories_on_s3(s3_bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HMMR_RECEIPTS", str(tmp_path))
    HistoryOnS3.bucket = s3_bucket
    run_state_machine_as_test(HistoryOnS3, settings=_settings(2, 6))


@pytest.mark.slow
def test_histories_with_postgres(new_database: Callable[[], str]) -> None:
    HistoryOnPostgres.new_database = staticmethod(new_database)
    run_state_machine_as_test(HistoryOnPostgres, settings=_settings(2, 8))
