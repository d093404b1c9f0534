"""Every name by which the target of an erasure is known: in lake and ledger, and as a careless log spells it."""

import html
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from storage.erase.ledger_rows import others_uploaders, sources_of, uploaders_of
from storage.errors import LakeError
from storage.lake import NEEDS_TRACKLET, Lake
from storage.ledger.ledger import Ledger
from storage.schema import TABLES

BY_SOURCE = tuple(name for name, schema in TABLES.items() if "source_id" in schema.names)
"""Tables whose rows belong to a source."""

_SHORTEST = 6
"""Characters of a title or uploader that is looked for in text: 'walk' would be found in everybody's log."""

_AT_ONCE = 10_000
"""Names in one query: SQLite takes 32,766 parameters, and each name is two."""


@dataclass(frozen=True)
class Target:
    """What is to go: source ids or URLs, all of an uploader, or all of a host."""

    sources: tuple[str, ...] = ()
    uploader: str | None = None
    host: str | None = None

    @property
    def named(self) -> str:
        """In words."""
        kinds = {"source": ", ".join(self.sources), "uploader": self.uploader, "host": self.host}
        return " or ".join(f"{kind} {name}" for kind, name in kinds.items() if name)


@dataclass(frozen=True)
class Found:
    """All names by which a target is known."""

    sources: tuple[str, ...]
    urls: tuple[str, ...]
    contents: tuple[str, ...]
    tracklets: tuple[str, ...]
    truths: tuple[str, ...]
    titles: tuple[str, ...] = ()
    """Of its videos, unless a video that stays has the same."""
    uploaders: tuple[str, ...] = ()
    """Of its videos, unless something that stays is theirs too."""


def find(lake: Lake, ledger: Ledger, target: Target) -> Found:
    """Every name of the target in lake and ledger. LakeError if nothing of it is known anywhere."""
    known = sources_of(ledger, sources=target.sources, uploader=target.uploader, host=target.host)
    target_names = pa.array(list(target.sources), pa.string())
    where = pc.field("source_id").isin(target_names) | pc.field("url").isin(target_names)
    for column, value in (("uploader", target.uploader), ("host", target.host)):
        where = where if value is None else where | (pc.field(column) == value)
    videos = lake.read("videos", ["source_id", "url", "content_sha256"], where)
    in_tables = {s for name in BY_SOURCE for s in _sources_among(lake, name, target.sources)}
    sources = sorted({*known, *videos["source_id"].to_pylist(), *in_tables})
    if not sources:
        raise LakeError(f"nothing of {target.named} is in {lake.root}")
    twins = same_content(lake, set(videos["content_sha256"].to_pylist()))
    sources = sorted({*sources, *twins["source_id"].to_pylist()})
    known |= sources_of(ledger, sources=sources)
    videos = pa.concat_tables([videos, twins])
    mine = pc.field("source_id").isin(pa.array(sources, pa.string()))
    urls = _own(lake, ledger, {url for url in [*known.values(), *videos["url"].to_pylist()] if url}, sources)
    truths = lake.read("labels3d", ["truth_id"], mine)["truth_id"].to_pylist()
    tracklets = lake.read("tracklets", ["tracklet_id"], mine)["tracklet_id"].to_pylist()
    contents = set(videos["content_sha256"].to_pylist()) - {""}
    titles, uploaders = _said_by_the_host(lake, ledger, sources)
    name_lists = (urls, contents, tracklets, truths, titles, uploaders)
    return Found(tuple(sources), *(tuple(sorted(set(names))) for names in name_lists))


def same_content(lake: Lake, contents: Collection[str]) -> pa.Table:
    """Videos of exactly these contents, whatever their address: copies, and those rejected as copies."""
    known = pa.array(sorted(set(contents) - {""}), pa.string())  # imported tracks have no content
    return lake.read("videos", ["source_id", "url", "content_sha256"], pc.field("content_sha256").isin(known))


def _own(lake: Lake, ledger: Ledger, urls: set[str], sources: Sequence[str]) -> set[str]:
    """Without the file names that a source which stays has too: clip.mp4 of one folder is not that of another."""
    files, going = sorted(url for url in urls if not _is_address(url)), set(sources)
    rows = lake.read("videos", ["source_id", "url"], pc.field("url").isin(pa.array(files, pa.string()))).to_pylist()
    holders = [(row["source_id"], row["url"]) for row in rows]
    for start in range(0, len(files), _AT_ONCE):
        holders += sources_of(ledger, sources=files[start : start + _AT_ONCE]).items()
    return urls - {url for source, url in holders if source not in going and url in urls and not _is_address(url)}


def _is_address(url: str) -> bool:
    return "://" in url


def _sources_among(lake: Lake, name: str, sources: Sequence[str]) -> list[str]:
    among = pc.field("source_id").isin(pa.array(list(sources), pa.string()))
    return list(lake.read(name, ["source_id"], among)["source_id"].to_pylist())


def _said_by_the_host(lake: Lake, ledger: Ledger, sources: Sequence[str]) -> tuple[set[str], set[str]]:
    """Titles and uploaders that only these sources have: another's name must stay readable."""
    rows = lake.read("videos", ["source_id", "title", "uploader"])
    is_mine = pc.is_in(rows["source_id"], value_set=pa.array(list(sources), pa.string()))
    own_rows, others_rows = rows.filter(is_mine), rows.filter(pc.invert(is_mine))
    uploaders = {*own_rows["uploader"].to_pylist(), *uploaders_of(ledger, sources)}
    shared = {*others_rows["uploader"].to_pylist(), *others_uploaders(ledger, sources)}
    return _long({*own_rows["title"].to_pylist()} - {*others_rows["title"].to_pylist()}), _long(uploaders - shared)


def _long(names: Collection[str | None]) -> set[str]:
    return {name for name in names if name is not None and len(name) >= _SHORTEST}


def with_all_tracklets(lake: Lake, found: Found) -> Found:
    """Those too whose rows no reader sees (yet), because their commit is not whole."""
    mine = pc.field("source_id").isin(pa.array(found.sources, pa.string()))
    tracklet_ids = set(found.tracklets)
    for name in ("tracklets", *NEEDS_TRACKLET):
        dataset = lake.dataset(name)
        if dataset is not None:
            tracklet_ids.update(dataset.to_table(columns=["tracklet_id"], filter=mine)["tracklet_id"].to_pylist())
    return replace(found, tracklets=tuple(sorted(tracklet_ids)))


def tombstone_names(target: Target, found: Found) -> dict[str, set[str]]:
    """What must not come back, by kind. A file's name is everybody's: its id and content are what is kept out."""
    addresses = {url for url in found.urls if _is_address(url)}
    names = {"source": set(found.sources), "url": addresses, "content": set(found.contents)}
    for kind, value in (("uploader", target.uploader), ("host", target.host)):
        if value is not None:
            names[kind] = {value}
    return names


def replacements(ledger: Ledger, found: Found, target: Target) -> dict[str, str]:
    """Each id, URL and content hash, however it is spelled, to its keyed hash; and the uploader or host that goes."""
    named: dict[str, Sequence[str]] = {
        "source": found.sources, "url": found.urls, "content": found.contents, "tracklet": found.tracklets,
        "uploader": [target.uploader] if target.uploader is not None else [],
        "host": [target.host] if target.host is not None else [],
    }  # fmt: skip
    return _hashed(ledger, named)


def spoken(ledger: Ledger, found: Found) -> dict[str, str]:
    """Each title and uploader to its keyed hash: for text only, as they may be words of other sentences."""
    return _hashed(ledger, {"title": found.titles, "uploader": found.uploaders})


def _hashed(ledger: Ledger, named: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {
        spelling: "erased:" + ledger.tombstones.hash(kind, name)
        for kind, names in named.items()
        for name in names
        for spelling in spellings(name)
    }


def spellings(name: str) -> set[str]:
    """The name as it stands in plain text, JSON, HTML and a URL."""
    plain, ascii_only = (json.dumps(name, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True))
    return {name, plain, ascii_only, html.escape(name), html.escape(name, quote=False), quote(name), quote(name, "")}
