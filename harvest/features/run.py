"""Another φ for a whole lake: `add_features` in one call, behind `hmmr harvest features`.

Workers compute; this process alone commits. Rows go in exactly once: a commit takes the items in the ledger and looks
again which rows the lake lacks. It may be stopped at any moment and called again; two calls at once do no harm, but may
compute the same video twice.
"""

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from harvest.config import HarvestConfig
from harvest.errors import HarvestError
from harvest.features.plan import RUN_KIND, plan_features
from harvest.features.worker import FeatureWorker, Row
from harvest.fetch.pace import Pace
from harvest.phi.protocol import Phi
from harvest.recipe import CODE, phi_stage
from harvest.registry import make_phis
from harvest.session import Asked, Ended, Watch
from harvest.sources.expand import Source
from harvest.workers import Outcome, Progress, Workers
from storage.commit import add_rows, maintain, resume, scratch_folder, worker_name
from storage.erase.names import Target
from storage.erase.run import erase
from storage.errors import CommitAborted, HostClosed
from storage.labels.key import Recipe
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.runs import run_row
from storage.tables import rows_to_table

MAX_BYTES = 128 << 20
"""Most bytes of features that wait for a commit."""
_WAIT_S = 0.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FeatureReport:
    """What became of the tracklets that lacked the φ."""

    phi: str
    lacked: int
    added: int
    frames: int
    troubles: Sequence[HarvestError] = ()
    postponed: int = 0
    """Videos whose host is not to be asked now; a later call does them."""

    def as_dict(self) -> dict[str, Any]:
        """For the JSON line."""
        reasons = [trouble.reason for trouble in self.troubles]
        return {
            "phi": self.phi, "lacked": self.lacked, "added": self.added, "left": self.lacked - self.added,
            "frames": self.frames, "postponed": self.postponed,
            "reasons": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
        }  # fmt: skip


def add_features(
    lake: Lake, config: HarvestConfig, files: Sequence[str | Path] = (), progress: Watch | None = None
) -> FeatureReport:
    """Compute `config.phis[0]` for every tracklet of the lake's newest labels that lacks it.

    `files`: files and folders where the videos may be; the others are looked for where they were harvested from.
    Raises WeightsError or CheckpointError if φ cannot be loaded, OtherWeightsError if the lake has it by other weights.
    """
    ledger = Ledger.open(lake.root)
    try:
        return _Run(lake, ledger, config, progress or (lambda _: None)).run(files)
    finally:
        ledger.close()


@dataclass
class _Waiting:
    """Rows that wait for their commit."""

    rows: list[Row] = field(default_factory=list)
    bytes: int = 0
    since: float = 0.0

    def add(self, rows: list[Row]) -> None:
        if not self.rows:
            self.since = time.monotonic()
        self.rows += rows
        self.bytes += sum(len(row["phi"]) for row in rows)


class _Run:
    def __init__(self, lake: Lake, ledger: Ledger, config: HarvestConfig, tell: Watch) -> None:
        self._lake, self._ledger, self._config, self._tell = lake, ledger, config, tell
        (self._phi,) = make_phis(config.phis, config.device)
        self._name, self._pace = worker_name(), Pace(ledger, config.pace)
        self._troubles: list[HarvestError] = []
        self._waiting, self._added, self._frames = _Waiting(), 0, 0
        self._postponed = 0

    def run(self, files: Sequence[str | Path]) -> FeatureReport:
        resume(self._lake, self._ledger)
        plan = plan_features(self._lake, self._ledger, self._phi, self._config, files)
        self._troubles += plan.troubles
        self._tell(Asked(plan.sources, len(plan.sources)))
        if plan.sources:
            with self._ledger.leases.beating(self._name, self._config.lease_s):
                self._work(list(plan.sources))
            maintain(self._lake, self._ledger)
        return FeatureReport(
            self._phi.name, plan.tracklets, self._added, self._frames, tuple(self._troubles), self._postponed
        )

    def _work(self, sources: list[Source]) -> None:
        """Whatever ends this, what was computed is committed."""
        scratch = scratch_folder(self._ledger, self._name, self._downloads())
        make = partial(FeatureWorker, self._lake.root)
        workers: Workers[list[Row]] = Workers(self._config, scratch, self._ledger.url, make)
        due, busy = [(0.0, source) for source in sources], 0
        try:
            while due or busy:
                while workers.idle and (source := self._next(due)) is not None:
                    workers.submit(source)
                    busy += 1
                for event in workers.events(_WAIT_S):
                    busy -= isinstance(event, Outcome)
                    self._on(event)
                if not busy:
                    time.sleep(_WAIT_S / 5 if due else 0)
                if self._waiting.rows and self._is_due():
                    self._commit()
        finally:
            workers.close()
            self._commit()
            shutil.rmtree(scratch, ignore_errors=True)

    def _downloads(self) -> Path:
        return Path("hmmr-downloads") if self._lake.layout.remote else Path(self._lake.layout.cache)

    def _next(self, due: list[tuple[float, Source]]) -> Source | None:
        """A source whose host may be asked now. One whose host is closed for long is left to a later call."""
        due.sort(key=lambda pair: pair[0])
        while due and due[0][0] <= time.monotonic():
            at, source = due.pop(0)
            try:
                wait = 0.0 if at else self._pace.wait_s(source)
            except HostClosed:
                self._postponed += 1
                continue
            if wait <= 0:
                return source
            due.append((time.monotonic() + wait, source))
            due.sort(key=lambda pair: pair[0])
        return None

    def _on(self, event: Progress | Outcome[list[Row]]) -> None:
        if isinstance(event, Progress):
            self._tell(event)
            return
        rows = event.labelled or []
        if event.error:
            self._pace.note(event.source, event.error)
            self._troubles.append(event.error)
        self._waiting.add(rows)
        self._tell(Ended(event.source, event.error, len(rows)))

    def _is_due(self) -> bool:
        old = time.monotonic() - self._waiting.since > self._config.shard_seconds
        return old or self._waiting.bytes > MAX_BYTES

    def _commit(self) -> None:
        rows, self._waiting = self._waiting.rows, _Waiting()
        if not rows:
            return
        _note_weights(self._lake, self._phi)
        table = rows_to_table("features", rows)
        try:
            added = add_rows(self._lake, self._ledger, self._name, "features", table, self._still_lacking)
        except CommitAborted:
            _log.warning("a commit was settled by another run, or a source of it was erased; run again")
            return
        self._added += added.num_rows
        self._frames += int(pc.sum(pc.binary_length(added["phi"])).as_py() or 0) // (2 * self._phi.dim)
        self._erase_buried(added)

    def _still_lacking(self, rows: pa.Table) -> pa.Table:
        """Those whose tracklet is there and has no such row: another run may have added it, or an erasure taken it."""
        among = pc.field("source_id").isin(rows["source_id"].unique())
        named = pc.field("phi_name") == self._phi.name
        there = self._lake.read("tracklets", ["tracklet_id"], among)["tracklet_id"].combine_chunks()
        have = self._lake.read("features", ["tracklet_id"], among & named)["tracklet_id"].combine_chunks()
        ids = rows["tracklet_id"]
        return rows.filter(pc.and_(pc.is_in(ids, value_set=there), pc.invert(pc.is_in(ids, value_set=have))))

    def _erase_buried(self, added: pa.Table) -> None:
        """An erasure buries first and looks for rows then: whoever comes later sees the other."""
        buried = self._ledger.tombstones.among("source", set(added["source_id"].to_pylist()))
        if buried:
            erase(self._lake, self._ledger, Target(sources=tuple(buried)), why="it was erased before")


def _note_weights(lake: Lake, phi: Phi) -> None:
    """One row of `runs` says by which weights the lake's φ was computed, as the recipe does for the harvest's own."""
    recipe = Recipe((phi_stage(phi),), CODE)
    run_id = f"{RUN_KIND}-{recipe.digest[:24]}"
    row = run_row(
        RUN_KIND, run_id, datetime.now(UTC), recipe.to_json(), command=f"hmmr harvest features --phi {phi.name}",
        commit="", seconds=0.0,
    )  # fmt: skip
    lake.append("runs", rows_to_table("runs", [row]), transaction=run_id)
