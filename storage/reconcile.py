"""The books, proved: ledger against its own events, ledger against lake, table against table. Repairs what is safe."""

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from storage.commit import ORDER, drop_erased_caches, forget_shard, settle_open_commits
from storage.delta import shard_of
from storage.errors import LakeError
from storage.lake import NEEDS_TRACKLET, Lake
from storage.ledger.items import DONE, ERASED
from storage.ledger.ledger import Ledger
from storage.ledger.tables import EVENTS, ITEMS
from storage.rewrite import delete_rows, sweep
from storage.schema import TABLES
from storage.snapshot import digests, load


@dataclass
class Findings:
    """What was found. `problems` is what is left to a human: the command ends non-zero."""

    repaired: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """True, and nothing to worry about."""


def reconcile(lake: Lake, ledger: Ledger, *, repair: bool = True, force: bool = False) -> Findings:
    """Check everything, and with `repair` mend what is safe to mend.

    `force`: no worker is alive, so every open commit is settled, not only those whose lease ran out.
    """
    findings = Findings()
    if repair:
        settled = settle_open_commits(lake, ledger, force=force)
        findings.repaired += [f"commit {commit} was whole: its items are done" for commit in settled.completed]
        findings.repaired += [f"commit {commit} was cut short: rolled back" for commit in settled.rolled_back]
        if dropped := drop_erased_caches(lake, ledger):
            findings.repaired.append(f"caches of {dropped} erased sources removed, which a worker wrote afterwards")
    _check_events(ledger, findings)
    _check_items(lake, ledger, findings, repair)
    _check_doubles(lake, findings)
    _check_copies(lake, findings)
    _check_shards(lake, ledger, findings, repair)
    _check_orphans(lake, ledger, findings, repair)
    _check_files(lake, findings, repair)
    _check_snapshots(lake, findings)
    return findings


def _check_events(ledger: Ledger, found: Findings) -> None:
    """Each item's events must be a chain that ends in its state: the sums follow."""
    with ledger.engine.begin() as connection:
        states = dict(connection.execute(select(ITEMS.c.item_id, ITEMS.c.state)).tuples().all())
        query = select(EVENTS.c.item_id, EVENTS.c.was, EVENTS.c.state).order_by(EVENTS.c.event_id)
        told_states: dict[str, str] = {}
        for item, was, state in connection.execute(query).tuples():
            if told_states.get(item) != was:
                found.problems.append(f"ledger: events of {item} jump from {told_states.get(item)} to {was}")
            told_states[item] = state
    differing = {item for item in states.keys() | told_states.keys() if states.get(item) != told_states.get(item)}
    found.problems += [
        f"ledger: {i} is {states.get(i)}, its events say {told_states.get(i)}" for i in sorted(differing)
    ]
    if not ledger.books().balanced:
        found.problems.append(f"ledger: the books do not balance: {ledger.books()}")


def _check_items(lake: Lake, ledger: Ledger, found: Findings, repair: bool) -> None:
    # The ledger first: what it calls done is in the lake by then, whatever workers do meanwhile.
    entries = ledger.entries()
    rows = lake.read("tracklets", ["source_id", "label_key"])
    pairs = Counter(zip(rows["source_id"].to_pylist(), rows["label_key"].to_pylist(), strict=True))
    known = set()
    for entry in entries:
        known.add(entry.item.item_id)
        if entry.damaged is not None and repair:
            ledger.set_aside(entry.item.item_id)
            found.repaired.append(f"{entry.damaged}; the item has failed")
        elif entry.damaged is not None:
            found.problems.append(entry.damaged)
        if entry.state == ERASED and not entry.item.item_id.startswith("erased:"):
            found.problems.append(f"erasing {entry.item.item_id} was cut short: run `hmmr lake erase` for it again")
        if entry.state != DONE or entry.label_key is None:
            continue
        lake_tracklets = pairs[(entry.item.item_id, entry.label_key)]
        if lake_tracklets == entry.tracklets:
            continue
        if lake_tracklets == 0 and repair:
            _forget_labels(lake, ledger, entry.item.item_id, entry.label_key)
            ledger.put_back(entry.item.item_id, "lost_rows")
            found.repaired.append(f"{entry.item.item_id}: its {entry.tracklets} tracklets are gone; pending again")
        else:
            found.problems.append(
                f"{entry.item.item_id}: the ledger says {entry.tracklets} tracklets, the lake {lake_tracklets}"
            )
    strangers = sorted({source for source, _ in pairs} - known)
    found.notes += [f"{source}: in the lake, never asked for (appended by hand?)" for source in strangers]


def _forget_labels(lake: Lake, ledger: Ledger, item_id: str, label_key: str) -> None:
    """Take away what is left of labels whose tracklets are gone, so that they can be written once more."""
    mine = (pc.field("source_id") == item_id) & (pc.field("label_key") == label_key)
    for name in ORDER[:-1]:
        if "label_key" in TABLES[name].names:
            delete_rows(lake, name, mine)
    ledger.labels.forget([item_id])


def _check_doubles(lake: Lake, found: Findings) -> None:
    for name, keys in (("tracklets", ["tracklet_id"]), ("features", ["tracklet_id", "phi_name"])):
        counts = lake.read(name, keys).group_by(keys).aggregate([([], "count_all")])
        for row in counts.filter(pc.greater(counts["count_all"], 1)).to_pylist():
            found.problems.append(f"{name}: {row['tracklet_id']} is there {row['count_all']} times")


def _check_copies(lake: Lake, found: Findings) -> None:
    """Videos with the same bytes of which more than one gave tracklets: the ledger's table of contents prevents it, but
    lakes are older than that table, and rows are appended by hand."""
    with_tracklets = lake.read("tracklets", ["source_id"])["source_id"].unique()
    videos = lake.read("videos", ["source_id", "content_sha256"], pc.field("content_sha256") != "")
    videos = videos.filter(pc.is_in(videos["source_id"], value_set=with_tracklets))
    sources = videos.group_by("content_sha256").aggregate([("source_id", "distinct")])
    for row in sources.filter(pc.greater(pc.list_value_length(sources["source_id_distinct"]), 1)).to_pylist():
        first, *copies = sorted(row["source_id_distinct"])
        found.problems += [f"{copy} has the same bytes as {first}: `hmmr lake erase` takes one out" for copy in copies]


def _check_shards(lake: Lake, ledger: Ledger, found: Findings, repair: bool) -> None:
    """Files of unfinished commits that the ledger knows nothing of (it was lost, or is another one)."""
    named_shards = set()
    for name in ORDER[:-1]:
        folder = lake.folder(name)
        table = folder.open()
        if table is not None:
            named_shards |= {
                (name, shard) for file in folder.file_names(table) if (shard := shard_of(file)) is not None
            }
    # In this order: what is seen, not open afterwards and not whole after that, is nobody's.
    known = ledger.open_commits(older_than_lease=False).keys()
    for name, shard in sorted(named_shards):
        if shard in known or lake.is_whole(shard):
            continue
        if repair and lake.folder(ORDER[-1]).abort(shard):
            forget_shard(lake, name, shard)
            found.repaired.append(f"{name}: rows of the unfinished commit {shard} removed")
        else:
            found.problems.append(f"{name}: rows of commit {shard}, which the ledger does not know")


def _check_orphans(lake: Lake, ledger: Ledger, found: Findings, repair: bool) -> None:
    """Rows whose tracklet does not exist, although their commit is whole or they were appended by hand."""
    for name in NEEDS_TRACKLET:
        lost = _lost(lake, ledger, name)
        if lost and repair:
            rewritten = delete_rows(lake, name, pc.field("tracklet_id").isin(pa.array(lost, pa.string())))
            found.repaired.append(f"{name}: {rewritten.rows} rows without a tracklet removed")
        elif lost:
            found.problems.append(f"{name}: rows of {len(lost)} tracklets that do not exist")


def _lost(lake: Lake, ledger: Ledger, name: str) -> list[str]:
    dataset = lake.dataset(name)
    if dataset is None:
        return []
    # In this order: a row seen here whose commit is not open afterwards has its tracklet by the time of the third read.
    rows = dataset.to_table(columns=["tracklet_id", "source_id"])
    busy = {item for items in ledger.open_commits(older_than_lease=False).values() for item in items}
    known = set(lake.read("tracklets", ["tracklet_id"]).column(0).to_pylist())
    pairs = zip(rows["tracklet_id"].to_pylist(), rows["source_id"].to_pylist(), strict=True)
    return sorted({tracklet for tracklet, source in pairs if tracklet not in known and source not in busy})


def _check_files(lake: Lake, found: Findings, repair: bool) -> None:
    for name in TABLES:
        if repair and (swept := sweep(lake, name)):
            found.repaired.append(f"{name}: {swept} files that no version names removed")
        folder = lake.folder(name)
        table = folder.open()
        for file in folder.file_names(table) if table is not None else []:
            if not lake.disk.exists(f"{folder.where}/{file}"):
                found.problems.append(f"{name}: file {file} is missing")


def _check_snapshots(lake: Lake, found: Findings) -> None:
    present_ids = set(lake.read("tracklets", ["tracklet_id"]).column(0).to_pylist())
    for digest in digests(lake):
        try:
            missing = len(set(load(lake, digest).tracklet_ids) - present_ids)
        except LakeError as error:
            found.problems.append(str(error))
            continue
        if missing:
            found.problems.append(f"snapshot {digest[:12]}: {missing} of its tracklets are not in the lake")
