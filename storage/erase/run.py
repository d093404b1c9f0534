"""Take a source out of a lake for good: rows, files, lists, caches and log, and say so in a receipt.

The order can be cut anywhere and begun again: tombstones, open commits, rows, other files, snapshots, ledger,
receipt. The item's own row in the ledger goes last, because it is what a second try finds the source by.
"""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from storage.commit import settle
from storage.erase.clean_log import clean_log
from storage.erase.ledger_rows import anonymise, bury, bury_sights, commits_of, remember
from storage.erase.names import (
    BY_SOURCE,
    Found,
    Target,
    find,
    replacements,
    same_content,
    spoken,
    tombstone_names,
    with_all_tracklets,
)
from storage.erase.receipt import Receipt, learnt_from, write_receipt
from storage.erase.scrub import replace_cells, scrub_files
from storage.labels.key import digest
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.rewrite import change_rows, delete_rows, sweep_holding
from storage.schema import TABLES
from storage.snapshot import drop_sources


def erase(lake: Lake, ledger: Ledger, target: Target, *, why: str = "", likeness: bool = False) -> Receipt:
    """Erase and write the receipt (beside the lake). Run again after a crash: it goes on where it was.

    What was erased is remembered by keyed hashes of its names and exact content. With `likeness` keyed hashes of its
    sampled pictures are remembered too, so that re-encoded copies are refused; the receipt says so.

    LakeError: nothing of the target is known, or a file cannot be read.
    """
    found = find(lake, ledger, target)
    mark = digest(sorted(ledger.tombstones.hash("source", source) for source in found.sources))
    found = _remembered(ledger, mark, with_all_tracklets(lake, found))
    hashes = bury(ledger, tombstone_names(target, found), found.sources)
    pictures = bury_sights(ledger, _fingerprints(lake, found.sources)) if likeness else 0
    if late := set(same_content(lake, found.contents)["source_id"].to_pylist()) - set(found.sources):
        # Committed under another address since the names were gathered; a commit from now on sees the tombstone.
        return erase(
            lake, ledger, replace(target, sources=tuple(sorted({*target.sources, *late}))), why=why, likeness=likeness
        )
    for commit_id in commits_of(ledger, found.sources):
        settle(lake, ledger, commit_id)
    rows, files = _delete_everywhere(lake, found)
    names = replacements(ledger, found, target)
    rewritten = _rewrite_mentions(lake, ledger, found, names)
    shutil.rmtree(lake.layout.windows, ignore_errors=True)
    for source in found.sources:
        lake.disk.delete_folder(lake.layout.source_cache(source))
    scrubbed = scrub_files(lake, names, spoken(ledger, found))
    files += sum(clean_log(lake, name) for name in TABLES)
    snapshots = drop_sources(lake, found.sources, mark, partial(ledger.tombstones.among, "source"))
    learnt = learnt_from(lake, [old for old, _ in snapshots])
    receipt = Receipt(
        targets=tuple(hashes),
        why=why,
        rows=rows,
        mentions=rewritten,
        files=files + len(scrubbed.deleted) + len(scrubbed.rewritten),
        still_holding=tuple(scrubbed.holding),
        snapshots=tuple(snapshots),
        likeness=pictures,
        checkpoints=learnt.checkpoints,
        rounds=learnt.rounds,
    )
    receipt = replace(receipt, path=write_receipt(lake, receipt))
    anonymise(ledger, found.sources, mark, target.host)
    return receipt


def _fingerprints(lake: Lake, sources: Sequence[str]) -> list[int]:
    mine = pc.field("source_id").isin(pa.array(list(sources), pa.string()))
    return [print_ for row in lake.read("videos", ["fingerprints"], mine)["fingerprints"].to_pylist() for print_ in row]


def _remembered(ledger: Ledger, mark: str, found: Found) -> Found:
    names = remember(ledger, mark, {kind: list(values) for kind, values in asdict(found).items()})
    return Found(**{kind: tuple(values) for kind, values in names.items()})


def _delete_everywhere(lake: Lake, found: Found) -> tuple[dict[str, int], int]:
    """Rows of all tables with a source, `tracklets` first: from then on the others are hidden."""
    mine = pc.field("source_id").isin(pa.array(found.sources, pa.string()))
    rows, files = {}, 0
    for name in ("tracklets", *[name for name in BY_SOURCE if name != "tracklets"]):
        deleted = delete_rows(lake, name, mine)
        rows[name] = deleted.rows
        files += deleted.files + sweep_holding(lake, name, mine)
    return {name: count for name, count in rows.items() if count}, files


def _rewrite_mentions(lake: Lake, ledger: Ledger, found: Found, names: dict[str, str]) -> int:
    """Runs and scores stay, but what they say of the source is replaced by its keyed hash."""
    truths = {truth: "erased:" + ledger.tombstones.hash("truth", truth) for truth in found.truths}
    changed = 0
    for name, schema in TABLES.items():
        if name not in BY_SOURCE:
            rewritten = change_rows(lake, name, None, lambda table: replace_cells(table, names, truths))
            sweep_holding(lake, name, _mentions(schema, {**names, **truths}))
            changed += rewritten.rows
    return changed


def _mentions(schema: pa.Schema, names: dict[str, str]) -> pc.Expression:
    where = pc.scalar(False)
    for field in schema:
        if pa.types.is_string(field.type):
            for name in names:
                where = where | pc.match_substring(pc.field(field.name), name)
    return where
