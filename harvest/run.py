"""From a source list to committed tracklets: `harvest` does it in one call, behind `hmmr harvest run`. For many
machines `plan` asks for the items once and `harvest_planned` works on them, in as many processes as there are.

Pure of orchestration: workers label, this process alone claims items, commits shards and keeps the books. It may be
stopped at any moment and called again. The report at the end says what the harvest came to: the books of the items that
were asked for, what the lake got, and every trouble by name.
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
    """An item that was rejected or failed, for a message."""

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
    """The books of some items; `erased` were asked for and are known to the ledger only as graves."""
    counts = Counter(entry.state for entry in entries)
    counts["erased"] += erased
    return Books(asked=len(entries) + erased, **{state: counts.get(state, 0) for state in STATES})


def reasons_of(entries: Sequence[Entry]) -> dict[str, int]:
    """Why items were rejected or failed, most frequent first."""
    ended = [entry.reason or "unknown" for entry in entries if entry.state in ("rejected", "failed")]
    return dict(Counter(ended).most_common())


_log = logging.getLogger(__name__)

POLICY_REASONS = ("licence_unknown", "licence_closed", "address_refused", "too_long", "too_large",
                   "too_many_pixels", "robots_refused", "opted_out")  # fmt: skip
"""A second call may answer these otherwise: the user may vouch, allow, or raise a limit."""


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
    """What a source list came to: all that it asked for, and in their order those that are to be worked on now."""

    asked: Sequence[Source]
    turn: Sequence[Source]


def plan(sources: Sequence[str | Path | Source], lake: Lake, config: HarvestConfig) -> Plan:
    """Expand the sources and ask for them, once for all workers. Those that cannot be read end here, as failed: another
    machine could not say more of them. Raises as `harvest` does."""
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
    """Work on items that `plan` has asked for, in this order, beside any number of others who do the same.

    `item_ids` None: on all that is pending under this configuration's recipe, or failed and due. The report counts
    the items of this call, whoever ended them. Raises as `harvest` does.
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
    """What these sources have come to by now, whoever worked on them."""
    ledger = Ledger.open(lake.root)
    try:
        return _report(lake, ledger, plan_of, {})
    finally:
        ledger.close()


def _ask(sources: Sequence[str | Path | Source], lake: Lake, ledger: Ledger, config: HarvestConfig) -> Plan:
    found = fair_order(resolve(expand(sources), Lookup(config.policy, config.download, config.pace, ledger.url)))
    digest = _recipe_digest(config)
    resume(lake, ledger)
    _enter(ledger, found, config, digest)
    found = _refuse(ledger, found, config.policy)
    return Plan(found, _turn(ledger, found, config.limit))


def _recipe_digest(config: HarvestConfig) -> str:
    return str(recipe(config.label, make_backend(config), make_phis(config.phis, config.device)).digest)


def _work(
    lake: Lake, ledger: Ledger, config: HarvestConfig, turn: Sequence[Source], tell: Watch
) -> dict[str, HarvestError]:
    """Work on the items until none is left for this process; how those ended that did not end well."""
    session = Session(lake, ledger, config, {source.item_id: source for source in turn}, tell)
    session.work()
    maintain(lake, ledger)
    return session.errors


def _enter(ledger: Ledger, found: Sequence[Source], config: HarvestConfig, digest: str) -> None:
    """Ask for the sources. Lists that an earlier run could not read and this one could have ended well."""
    ledger.ask(
        [to_item(source) for source in found],
        recipe=digest, retry_failed=config.retry_failed, retry_rejected=POLICY_REASONS,
    )  # fmt: skip
    lists_failed_again(ledger, [source.item_id for source in found if source.problem is not None])
    # a page with one video is a list of one, and may have the same address
    lists_were_read(ledger, sorted({via for source in found for via in source.via} - {each.item_id for each in found}))


def _refuse(ledger: Ledger, found: Sequence[Source], policy: Policy) -> list[Source]:
    """End at once, without a worker, what the policy refuses before any host is asked. Returns the sources, the refused
    ones with the refusal as their problem."""
    refusals = {
        source.item_id: refusal
        for source in found
        if source.problem is None and (refusal := refused_before_contact(source, policy))
    }
    ledger.reject_waiting({
        item_id: (refusal.reason, {"message": refusal.message}) for item_id, refusal in refusals.items()
    })  # fmt: skip
    return [replace(source, problem=refusals.get(source.item_id, source.problem)) for source in found]


def _turn(ledger: Ledger, found: Sequence[Source], limit: int | None) -> list[Source]:
    """The sources that this call works on, in their order: what is pending, or failed and due."""
    due = ledger.ready(source.item_id for source in found)
    ready = [source for source in found if source.item_id in due]
    if limit is None:
        return ready
    broken = [source for source in ready if source.problem is not None]  # they take no time
    return broken + fair_order([source for source in ready if source.problem is None])[:limit]


def _report(lake: Lake, ledger: Ledger, found: Sequence[Source], errors: dict[str, HarvestError]) -> HarvestReport:
    wanted = {source.item_id: source for source in found}
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
        books_of(entries, erased=len(found) - len(entries)),
        tracklets=table.num_rows,
        frames=int(pc.sum(table.column("n_frames")).as_py() or 0),
        hours=float(pc.sum(table.column("seconds")).as_py() or 0.0) / 3600,
        reasons=reasons_of(entries),
        rejected_tracks=dict(rejected.most_common()),
        troubles=troubles,
    )


def _message(source: Source, entry: Entry, errors: dict[str, HarvestError]) -> str:
    """Of this run, else what the ledger keeps of the run in which the item ended."""
    error = errors.get(source.item_id) or source.problem
    if error is not None:
        return error.message
    kept = (entry.evidence or {}).get("message")
    return f"{kept} (in an earlier run)" if kept else "as in an earlier run"
