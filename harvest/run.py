"""From a source list to committed tracklets: `harvest` does it in one call, behind `hmmr harvest run`. For many
machines `plan` asks for the items once and `harvest_planned` works on them, in as many processes as there are.

No orchestrator is needed: workers label videos; this process alone claims items, commits shards and keeps the books. It
may be stopped at any moment and called again. The report at the end holds the books of the items that were asked for,
the counts of what the lake got, and every item that was rejected or has failed, by name.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from harvest.config import HarvestConfig
from harvest.errors import HarvestError
from harvest.fetch.policy import Policy, refused_before_contact
from harvest.fetch.resolve import Lookup, resolve
from harvest.recipe import recipe
from harvest.registry import make_backend, make_phis
from harvest.session import Asked, Session, Watch
from harvest.sources.expand import Source, expand, fair_order, sources_to_do, to_item
from storage.commit import maintain, resume
from storage.lake import Lake
from storage.ledger.items import FAILED, REJECTED, STATES, Books, Entry
from storage.ledger.ledger import Ledger
from storage.ledger.lists import lists_failed_again, lists_were_read


@dataclass(frozen=True)
class Trouble:
    """An item that was rejected or has failed, as the report shows it."""

    name: str
    state: str
    reason: str
    message: str


@dataclass(frozen=True)
class HarvestReport:
    """Asked = done + rejected + failed + pending + erased, always."""

    books: Books
    tracklets: int
    frames: int
    hours: float
    reasons: dict[str, int] = field(default_factory=dict)
    """How many items were rejected or have failed, by reason."""
    rejected_tracks: dict[str, int] = field(default_factory=dict)
    """How many stretches of tracks were rejected, by reason."""
    troubles: Sequence[Trouble] = ()

    def as_dict(self) -> dict[str, Any]:
        """For the JSON line: the books, the yield, and the counts by reason."""
        return {
            **self.books.as_dict(),
            "tracklets": self.tracklets,
            "frames": self.frames,
            "hours": round(self.hours, 6),
            "reasons": self.reasons,
            "rejected_tracks": self.rejected_tracks,
        }


def books_of(entries: Sequence[Entry], *, erased: int = 0) -> Books:
    """Counts these items by state. `erased` items were asked for too, but the ledger keeps only their tombstones."""
    counts = Counter(entry.state for entry in entries)
    counts["erased"] += erased
    return Books(asked=len(entries) + erased, **{state: counts.get(state, 0) for state in STATES})


def reasons_of(entries: Sequence[Entry]) -> dict[str, int]:
    """Counts the reasons for which items were rejected or have failed, most frequent first."""
    ended = [entry.reason or "unknown" for entry in entries if entry.state in ("rejected", "failed")]
    return dict(Counter(ended).most_common())


_log = logging.getLogger(__name__)

POLICY_REASONS = ("licence_unknown", "licence_closed", "address_refused", "too_long", "too_large",
                   "too_many_pixels", "robots_refused", "opted_out")  # fmt: skip
"""Rejections that a second call tries again: the user may have vouched, allowed a host, or raised a limit."""


def harvest(
    sources: Sequence[str | Path | Source], lake: Lake, config: HarvestConfig, progress: Watch | None = None
) -> HarvestReport:
    """Harvest sources into a lake and report on them. One item's trouble never ends the run.

    Raises WeightsError if the networks cannot be loaded, LakeError if the lake cannot be written.
    """
    tell = progress or (lambda _: None)
    ledger = Ledger.open(lake.root)
    try:
        planned = _ask(sources, lake, ledger, config)
        _log.info("%d sources, %d to be worked on", len(planned.asked), len(planned.turn))
        tell(Asked(planned.asked, len(planned.turn)))
        return _report(lake, ledger, planned.asked, _work(lake, ledger, config, planned.turn, tell))
    finally:
        ledger.close()


@dataclass(frozen=True)
class Plan:
    """An expanded source list: all its sources, and those that are to be worked on now, in order."""

    asked: Sequence[Source]
    turn: Sequence[Source]


def plan(sources: Sequence[str | Path | Source], lake: Lake, config: HarvestConfig) -> Plan:
    """Expand the sources and enter them into the ledger, once for all workers. Sources that cannot be read fail here:
    another machine could not read them either. Raises as `harvest` does."""
    ledger = Ledger.open(lake.root)
    try:
        planned = _ask(sources, lake, ledger, config)
        unreadable = [source for source in planned.turn if source.problem is not None]
        if unreadable:
            _work(lake, ledger, config, unreadable, lambda _: None)
        return planned
    finally:
        ledger.close()


def harvest_planned(
    item_ids: Sequence[str] | None, lake: Lake, config: HarvestConfig, progress: Watch | None = None
) -> HarvestReport:
    """Work on items that `plan` has entered, in this order. Any number of processes may do so at the same time.

    `item_ids` None: all items that are pending under this configuration's recipe, or have failed and are due. The
    report counts the items of this call, also those that another process ended. Raises as `harvest` does.
    """
    tell = progress or (lambda _: None)
    ledger = Ledger.open(lake.root)
    try:
        resume(lake, ledger)
        turn = sources_to_do(ledger, item_ids, _recipe_digest(config))
        tell(Asked(turn, len(turn)))
        return _report(lake, ledger, turn, _work(lake, ledger, config, turn, tell))
    finally:
        ledger.close()


def report_on(plan_of: Sequence[Source], lake: Lake) -> HarvestReport:
    """Report the present state of these sources, whichever processes worked on them."""
    ledger = Ledger.open(lake.root)
    try:
        return _report(lake, ledger, plan_of, {})
    finally:
        ledger.close()


def _ask(asked: Sequence[str | Path | Source], lake: Lake, ledger: Ledger, config: HarvestConfig) -> Plan:
    sources = fair_order(resolve(expand(asked), Lookup(config.policy, config.download, config.pace, ledger.url)))
    digest = _recipe_digest(config)
    resume(lake, ledger)
    _enter(ledger, sources, config, digest)
    sources = _refuse(ledger, sources, config.policy)
    return Plan(sources, _turn(ledger, sources, config.limit))


def _recipe_digest(config: HarvestConfig) -> str:
    return str(recipe(config.label, make_backend(config), make_phis(config.phis, config.device, config.runtime)).digest)


def _work(
    lake: Lake, ledger: Ledger, config: HarvestConfig, turn: Sequence[Source], tell: Watch
) -> dict[str, HarvestError]:
    """Work on the items until none is left for this process. Returns the errors of items that did not end well."""
    session = Session(lake, ledger, config, {source.item_id: source for source in turn}, tell)
    session.work()
    maintain(lake, ledger)
    return session.errors


def _enter(ledger: Ledger, sources: Sequence[Source], config: HarvestConfig, digest: str) -> None:
    """Enter the sources into the ledger. Mark as read the lists that failed before and were read now."""
    ledger.ask(
        [to_item(source) for source in sources],
        recipe=digest, retry_failed=config.retry_failed, retry_rejected=POLICY_REASONS,
    )  # fmt: skip
    lists_failed_again(ledger, [source.item_id for source in sources if source.problem is not None])
    # a page with one video is a list of one, and may have the same address
    list_ids = {list_id for source in sources for list_id in source.via}
    lists_were_read(ledger, sorted(list_ids - {source.item_id for source in sources}))


def _refuse(ledger: Ledger, sources: Sequence[Source], policy: Policy) -> list[Source]:
    """Reject the sources that the policy refuses before any host is asked. Returns all sources; a refused one has the
    refusal as its problem."""
    refusals = {
        source.item_id: refusal
        for source in sources
        if source.problem is None and (refusal := refused_before_contact(source, policy))
    }
    ledger.reject_waiting({
        item_id: (refusal.reason, {"message": refusal.message}) for item_id, refusal in refusals.items()
    })  # fmt: skip
    return [replace(source, problem=refusals.get(source.item_id, source.problem)) for source in sources]


def _turn(ledger: Ledger, sources: Sequence[Source], limit: int | None) -> list[Source]:
    """The sources that this call works on, in order: those that are pending, or have failed and are due."""
    due = ledger.ready(source.item_id for source in sources)
    ready = [source for source in sources if source.item_id in due]
    if limit is None:
        return ready
    broken = [source for source in ready if source.problem is not None]  # they take no time
    return broken + fair_order([source for source in ready if source.problem is None])[:limit]


def _report(lake: Lake, ledger: Ledger, sources: Sequence[Source], errors: dict[str, HarvestError]) -> HarvestReport:
    wanted = {source.item_id: source for source in sources}
    entries = ledger.entries(among=wanted)
    # a source that was labelled again has rows of each label version: those of the last count
    labels = pa.array([entry.label_key for entry in entries if entry.label_key], pa.string())
    among = pc.field("label_key").isin(labels) & pc.field("source_id").isin(pa.array(wanted, pa.string()))
    table = lake.read("tracklets", ["n_frames", "seconds"], among)
    rejected = Counter(lake.read("rejects", ["reason"], among).column("reason").to_pylist())
    ended = [(wanted[entry.item.item_id], entry) for entry in entries if entry.state in (REJECTED, FAILED)]
    troubles = [
        Trouble(source.name, entry.state, entry.reason or "", _message(source, entry, errors))
        for source, entry in ended
    ]
    return HarvestReport(
        books_of(entries, erased=len(sources) - len(entries)),
        tracklets=table.num_rows,
        frames=int(pc.sum(table.column("n_frames")).as_py() or 0),
        hours=float(pc.sum(table.column("seconds")).as_py() or 0.0) / 3600,
        reasons=reasons_of(entries),
        rejected_tracks=dict(rejected.most_common()),
        troubles=troubles,
    )


def _message(source: Source, entry: Entry, errors: dict[str, HarvestError]) -> str:
    """The message of this run's error; otherwise the one that the ledger keeps from an earlier run."""
    error = errors.get(source.item_id) or source.problem
    if error is not None:
        return error.message
    earlier = (entry.evidence or {}).get("message")
    return f"{earlier} (in an earlier run)" if earlier else "as in an earlier run"
