"""Take a source out of a lake for good: rows, files, lists, caches and log, and say so in a receipt.

The order can be cut anywhere and begun again: tombstones, open commits, rows, other files, snapshots, ledger,
receipt. The item's own row in the ledger goes last, because it is what a second try finds the source by.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from storage.clean_log import clean_log
from storage.errors import LakeError
from storage.label_key import digest
from storage.lake import Lake
from storage.ledger import Ledger
from storage.ledger_erase import anonymise, bury, commits_of, remember, sources_of
from storage.receipt import Receipt, trained_on, write_receipt
from storage.recover import settle
from storage.rewrite import change_rows, delete_rows, sweep_holding
from storage.schema import TABLES
from storage.scrub import scrub_files
from storage.snapshot import drop_sources
from storage.string_cells import replace_cells


@dataclass(frozen=True)
class Target:
    """What is to go: source ids or URLs, all of an uploader, or all of a host."""

    sources: tuple[str, ...] = ()
    uploader: str | None = None
    host: str | None = None


@dataclass(frozen=True)
class Found:
    """All names by which a target is known."""

    sources: tuple[str, ...]
    urls: tuple[str, ...]
    contents: tuple[str, ...]
    tracklets: tuple[str, ...]
    truths: tuple[str, ...]


def find(lake: Lake, ledger: Ledger, target: Target) -> Found:
    """Every name of the target in lake and ledger. LakeError if nothing of it is known anywhere."""
    known = sources_of(ledger, sources=target.sources, uploader=target.uploader, host=target.host)
    given = pa.array(list(target.sources), pa.string())
    where = pc.field("source_id").isin(given) | pc.field("url").isin(given)
    for column, value in (("uploader", target.uploader), ("host", target.host)):
        where = where if value is None else where | (pc.field(column) == value)
    videos = lake.read("videos", ["source_id", "url", "content_sha256"], where)
    in_tables = {s for name in _BY_SOURCE for s in _sources_among(lake, name, target.sources)}
    sources = sorted({*known, *videos["source_id"].to_pylist(), *in_tables})
    if not sources:
        raise LakeError(f"nothing of {target} is in {lake.root}")
    mine = pc.field("source_id").isin(pa.array(sources, pa.string()))
    urls = {url for url in [*known.values(), *videos["url"].to_pylist()] if url}
    truths = lake.read("labels3d", ["truth_id"], mine)["truth_id"].to_pylist()
    tracklets = lake.read("tracklets", ["tracklet_id"], mine)["tracklet_id"].to_pylist()
    contents = set(videos["content_sha256"].to_pylist())
    return Found(tuple(sources), *(tuple(sorted(set(v))) for v in (urls, contents, tracklets, truths)))


_BY_SOURCE = tuple(name for name, schema in TABLES.items() if "source_id" in schema.names)


def _sources_among(lake: Lake, name: str, sources: Sequence[str]) -> list[str]:
    among = pc.field("source_id").isin(pa.array(list(sources), pa.string()))
    return list(lake.read(name, ["source_id"], among)["source_id"].to_pylist())


def erase(lake: Lake, ledger: Ledger, target: Target, *, why: str = "") -> Receipt:
    """Erase and write the receipt (beside the lake). Run again after a crash: it goes on where it was.

    LakeError: nothing of the target is known, or a file cannot be read.
    """
    found = find(lake, ledger, target)
    mark = digest(sorted(ledger.tombstones.hash("source", source) for source in found.sources))
    found = _remembered(ledger, mark, _with_tracklets(lake, found))
    names = _tombstone_names(target, found)
    hashes = bury(ledger, names, found.sources)
    for commit_id in commits_of(ledger, found.sources):
        settle(lake, ledger, commit_id)
    rows, files = _delete_everywhere(lake, found)
    replacements = _replacements(ledger, found, target)
    rewritten = _rewrite_mentions(lake, ledger, found, replacements)
    for folder in (lake.layout.windows, *(lake.layout.source_cache(source) for source in found.sources)):
        lake.disk.delete_folder(folder)
    scrubbed = scrub_files(lake, replacements)
    files += sum(clean_log(lake, name) for name in TABLES)
    snapshots = drop_sources(lake, found.sources, mark)
    receipt = Receipt(
        targets=tuple(hashes),
        why=why,
        rows=rows,
        mentions=rewritten,
        files=files + len(scrubbed.deleted) + len(scrubbed.rewritten),
        still_holding=tuple(scrubbed.holding),
        snapshots=tuple(snapshots),
        checkpoints=trained_on(lake, [old for old, _ in snapshots]),
    )
    receipt = replace(receipt, path=write_receipt(lake, receipt))
    anonymise(ledger, found.sources, mark, target.host)
    return receipt


def _tombstone_names(target: Target, found: Found) -> dict[str, set[str]]:
    names = {"source": set(found.sources), "url": set(found.urls), "content": set(found.contents)}
    for kind, value in (("uploader", target.uploader), ("host", target.host)):
        if value is not None:
            names[kind] = {value}
    return names


def _remembered(ledger: Ledger, mark: str, found: Found) -> Found:
    names = remember(ledger, mark, {kind: list(values) for kind, values in asdict(found).items()})
    return Found(**{kind: tuple(values) for kind, values in names.items()})


def _with_tracklets(lake: Lake, found: Found) -> Found:
    mine = pc.field("source_id").isin(pa.array(found.sources, pa.string()))
    seen = set(found.tracklets)
    for name in ("tracklets", "features", "labels3d"):
        dataset = lake.dataset(name)
        if dataset is not None:
            seen.update(dataset.to_table(columns=["tracklet_id"], filter=mine)["tracklet_id"].to_pylist())
    return replace(found, tracklets=tuple(sorted(seen)))


def _delete_everywhere(lake: Lake, found: Found) -> tuple[dict[str, int], int]:
    """Rows of all tables with a source, `tracklets` first: from then on the others are hidden."""
    mine = pc.field("source_id").isin(pa.array(found.sources, pa.string()))
    rows, files = {}, 0
    for name in ("tracklets", *[name for name in _BY_SOURCE if name != "tracklets"]):
        gone = delete_rows(lake, name, mine)
        rows[name] = gone.rows
        files += gone.files + sweep_holding(lake, name, mine)
    return {name: count for name, count in rows.items() if count}, files


def _replacements(ledger: Ledger, found: Found, target: Target) -> dict[str, str]:
    named = {"source": found.sources, "url": found.urls, "content": found.contents, "tracklet": found.tracklets}
    result = {value: "erased:" + ledger.tombstones.hash(kind, value) for kind in named for value in named[kind]}
    for kind, single in (("uploader", target.uploader), ("host", target.host)):
        if single is not None:
            result[single] = "erased:" + ledger.tombstones.hash(kind, single)
    return result


def _rewrite_mentions(lake: Lake, ledger: Ledger, found: Found, replacements: dict[str, str]) -> int:
    """Runs and scores stay, but what they say of the source is replaced by its keyed hash."""
    truths = {truth: "erased:" + ledger.tombstones.hash("truth", truth) for truth in found.truths}
    changed = 0
    for name, schema in TABLES.items():
        if name not in _BY_SOURCE:
            done = change_rows(lake, name, None, lambda table: replace_cells(table, replacements, truths))
            sweep_holding(lake, name, _mentions(schema, {**replacements, **truths}))
            changed += done.rows
    return changed


def _mentions(schema: pa.Schema, names: dict[str, str]) -> pc.Expression:
    where = pc.scalar(False)
    for field in schema:
        if pa.types.is_string(field.type):
            for name in names:
                where = where | pc.match_substring(pc.field(field.name), name)
    return where
