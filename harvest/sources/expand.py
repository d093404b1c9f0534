"""Turns the user's words into items: a URL, an s3:// prefix, a video file, a folder, or a text, YAML or JSON list of
those. Also orders the items, and writes a source as JSON, which the ledger keeps for a retry, and reads it back.

An item's id is the hash of its canonical URL or of its file's content, so the same source named twice, or by two paths,
is one item. A source that cannot be read becomes an item too, with its error, so that the books balance.

Sources with weights share a run: at whatever moment it ends, each pot had its share of the videos. A pot is one entry
of a source list (a video, a folder, a search, a nested list).
"""

import heapq
import logging
import os
import re
import stat
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harvest.errors import HarvestError, Unreadable
from harvest.identity import S3, canonical_address, host_of, loose_address, origin_of, text_id
from harvest.sources.lists import LIST_SUFFIXES, Entry, read_list
from harvest.video.content import SOUND_SUFFIXES, content_kind
from storage.atomic import file_sha256
from storage.ledger.items import FAILED, PENDING, Item
from storage.ledger.ledger import Ledger

_log = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp",
    ".ogv", ".vob", ".mxf",
})  # fmt: skip
"""Suffixes of the files that are taken from a folder, beside files whose content is a video. A file that the user names
is tried whatever its suffix."""

DEFAULT_RESULTS = 20
"""How many results of a search are taken where its entry has no `count`."""

MAX_OBJECTS = 10_000
"""How many videos are taken of an S3 prefix where its entry has no `count`."""

_SEARCH_WORD = re.compile(r"ytsearch(\d*):(.+)")
"""A search as yt-dlp writes it; its ytsearchall is no bounded list and is not known here."""

MAX_LIST_DEPTH = 4
"""Lists may name lists; a ring of them ends here."""


@dataclass(frozen=True)
class Source:
    """One video that was asked for. `address` is a canonical URL, s3://BUCKET/KEY, or an absolute path."""

    item_id: str
    address: str
    is_url: bool
    licence: str | None = None
    """What the user vouches for ("open", "closed"), or None."""
    tags: tuple[str, ...] = ()
    sections_s: tuple[tuple[float, float], ...] = ()
    """Only these stretches, (start, end) in seconds; empty: all of it."""
    max_seconds: float | None = None
    max_bytes: int | None = None
    max_entries: int | None = None
    """How many videos to take of a playlist, channel, feed, search or S3 prefix."""
    weight: float = 1.0
    pot: str = ""
    """Weight of the entry of a source list that it came from, and that entry's name (harvest/sources/expand.py)."""
    via: tuple[str, ...] = ()
    """Ids of the words and lists that named it. Each of them becomes an item of its own if it cannot be read."""
    named_by_user: bool = True
    """False if a list on the web named it: then its host may never be private, whatever the user allows."""
    problem: HarvestError | None = field(default=None, compare=False)

    @property
    def host(self) -> str:
        """Host name, or 'local'."""
        return host_of(self.address) if self.is_url else "local"

    @property
    def private_origins(self) -> frozenset[tuple[str, int]]:
        """(host, port) that may be private, if the user allows private hosts: what the user wrote."""
        return frozenset({origin_of(self.address)}) if self.named_by_user and self.is_url else frozenset()

    @property
    def is_s3(self) -> bool:
        """Whether it lies on S3."""
        return self.is_url and self.address.startswith(S3)

    @property
    def name(self) -> str:
        """For messages and tables: the URL, or the file's name without its folder; printable whatever the host says."""
        name = self.address if self.is_url else Path(self.address).name
        return "".join(c if c.isprintable() else f"%{ord(c):02X}" for c in name)


def expand(words: Iterable[str | Path | Source]) -> list[Source]:
    """All items that the words stand for, each once, in order. Never raises for a bad word."""
    sources: dict[str, Source] = {}
    for word in words:
        for source in [word] if isinstance(word, Source) else _expand_entry(Entry(str(word)), Path.cwd(), 0):
            known = sources.setdefault(source.item_id, source)
            if known is not source:
                sources[source.item_id] = _merge(known, source)
    return list(sources.values())


def expand_again(source: Source) -> list[Source]:
    """Expands a source of the ledger again: its file, folder or list may have become readable."""
    if source.is_url or source.item_id != text_id(source.address):
        return [source]
    entry = Entry(
        source.address, licence=source.licence, tags=source.tags, sections_s=source.sections_s,
        max_seconds=source.max_seconds, max_bytes=source.max_bytes, max_entries=source.max_entries,
    )  # fmt: skip
    return _expand_entry(entry, Path.cwd(), 0)


def _merge(first: Source, again: Source) -> Source:
    """The second naming adds its tags and fills what the first left open."""
    tags, via = (tuple(dict.fromkeys(both)) for both in (first.tags + again.tags, first.via + again.via))
    return replace(first, tags=tags, via=via, licence=first.licence or again.licence)


def _expand_entry(entry: Entry, base: Path, depth: int) -> list[Source]:
    search = _SEARCH_WORD.fullmatch(entry.address)
    if search:
        entry = replace(entry, address=f"search://{search[2]}", max_entries=int(search[1] or 1))
    if entry.address.startswith("search://"):
        return [_search_source(entry)]
    if "://" in entry.address:
        return [_url_source(entry)]
    path = base / entry.address
    try:
        path = base / Path(entry.address).expanduser()
        return [_came_via(source, text_id(str(path))) for source in _expand_path(path, entry, depth)]
    except OSError as error:
        return [_broken(path, entry, _why_unreadable(path, error))]
    except (RuntimeError, ValueError) as error:  # ~nobody, a name with a zero byte
        return [_broken(path, entry, str(error))]


def _expand_path(path: Path, entry: Entry, depth: int) -> list[Source]:
    if path.is_dir():
        entry = replace(entry, pot=entry.pot or str(path))
        return [_file_source(file, entry) for file in _videos_below(path)]
    if path.suffix.lower() in LIST_SUFFIXES:
        return _expand_list(path, entry, depth)
    return [_file_source(path, entry)]


def _came_via(source: Source, word_id: str) -> Source:
    return source if source.item_id == word_id else replace(source, via=(word_id, *source.via))


def _expand_list(path: Path, entry: Entry, depth: int) -> list[Source]:
    if depth >= MAX_LIST_DEPTH:
        return [_broken(path, entry, f"lists nest deeper than {MAX_LIST_DEPTH}; does one name itself?")]
    try:
        entries = read_list(path)
    except ValueError as error:
        return [_broken(path, entry, str(error))]
    return [source for inner in entries for source in _expand_entry(inner.under(entry), path.parent, depth + 1)]


def _videos_below(folder: Path) -> Sequence[Path]:
    """Sorted video files below a folder, by suffix or by content. OSError if any folder below it cannot be listed, or
    if there is none; what else was there is told."""

    def stop(error: OSError) -> None:
        raise error

    files = [Path(root) / name for root, _, names in os.walk(folder, onerror=stop) for name in names]
    kinds = {file: _kind_of(file) for file in files}
    videos = sorted(file for file, kind in kinds.items() if kind == "video")
    photographs = sum(kind == "photograph" for kind in kinds.values())
    others = f"{len(files) - len(videos)} other files, {photographs} of them photographs (`hmmr predict` takes those)"
    if not videos:
        raise FileNotFoundError(f"no video file in folder {folder}" + (f"; {others}" if files else ""))
    if len(videos) < len(files):
        _log.info("folder %s: %d videos; left out: %s", folder, len(videos), others)
    return videos


def _kind_of(file: Path) -> str | None:
    suffix = file.suffix.lower()
    return "video" if suffix in VIDEO_SUFFIXES else None if suffix in SOUND_SUFFIXES else content_kind(file)


def _url_source(entry: Entry) -> Source:
    try:
        url = canonical_address(entry.address)
    except ValueError as error:
        return _broken(Path(entry.address), entry, str(error), address=entry.address)
    source = _source(text_id(url), url, True, entry)
    if not source.is_s3:
        return source
    one_video = os.path.splitext(url)[1].lower() in VIDEO_SUFFIXES
    return replace(source, max_entries=None if one_video else entry.max_entries or MAX_OBJECTS)


def _search_source(entry: Entry) -> Source:
    """A search is an item only until its results are known (harvest/fetch/resolve.py)."""
    name = " ".join(entry.address.split())
    source = replace(_source(text_id(name), name, False, entry), max_entries=entry.max_entries or DEFAULT_RESULTS)
    return replace(source, problem=None)


def _file_source(path: Path, entry: Entry) -> Source:
    try:
        path = path.resolve(strict=True)
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device may have no end
            return _broken(path, entry, "is no regular file")
        if content_kind(path) == "photograph":
            return _broken(path, entry, "is a photograph; `hmmr predict FILE` gives the 3D bodies of one")
        return _source(file_sha256(path), str(path), False, entry)
    except RuntimeError:  # how Python before 3.13 says it
        return _broken(path, entry, "is a ring of symbolic links")
    except ValueError as error:
        return _broken(path, entry, str(error))
    except OSError as error:
        return _broken(path, entry, _why_unreadable(path, error))


def _source(item_id: str, address: str, is_url: bool, entry: Entry) -> Source:
    return Source(
        item_id, address, is_url, licence=entry.licence, tags=entry.tags, sections_s=entry.sections_s,
        max_seconds=entry.max_seconds, max_bytes=entry.max_bytes, max_entries=entry.max_entries,
        weight=entry.weight or 1.0, pot=entry.pot,
    )  # fmt: skip


def _broken(path: Path, entry: Entry, why: str, *, address: str | None = None) -> Source:
    name = address or str(path)
    source = _source(text_id(name), name, False, entry)
    return replace(source, problem=Unreadable(name, why))


def _why_unreadable(path: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"may not be read by this user ({error.filename or path}); change its mode or run as its owner"
    if isinstance(error, FileNotFoundError):
        return str(error) if "no video file" in str(error) else "no such file or folder"
    return error.strerror or str(error)


def fair_order(sources: Sequence[Source]) -> list[Source]:
    """The same sources in the order in which they are to be worked on; the order within a pot stays.

    The next video is taken from the pot for which (videos taken + 1) / weight is smallest: start-time fair queueing
    (Goyal et al. 1996) with videos of equal size. Without weights the order is the list's own, and pots of many videos
    take turns.
    """
    pots: dict[str, deque[Source]] = {}
    for source in sources:
        pots.setdefault(source.pot or source.item_id, deque()).append(source)
    names = list(pots)
    heap = [(1 / pots[name][0].weight, place, 1) for place, name in enumerate(names)]
    heapq.heapify(heap)
    order = []
    while heap:
        _, place, taken = heapq.heappop(heap)
        pot = pots[names[place]]
        order.append(pot.popleft())
        if pot:
            heapq.heappush(heap, ((taken + 1) / pot[0].weight, place, taken + 1))
    return order


def to_item(source: Source) -> Item:
    """The ledger's entry for a source."""
    request = {
        "address": source.address,
        "is_url": source.is_url,
        "licence": source.licence,
        "tags": list(source.tags),
        "sections_s": [list(section) for section in source.sections_s],
        "max_seconds": source.max_seconds,
        "max_bytes": source.max_bytes,
        "max_entries": source.max_entries,
        "named_by_user": source.named_by_user,
    }
    if (raw := _bytes_of(source.address)) is not None:
        request["address_bytes"] = raw
    loose_id = text_id(loose_address(source.address)) if source.is_url and not source.is_s3 else source.item_id
    loose_ids = () if loose_id == source.item_id else (loose_id,)
    return Item(source.item_id, source.host, url=source.name, request=request, loose_ids=loose_ids)


def _bytes_of(address: str) -> str | None:
    """The bytes of a file name that is no UTF-8, in hexadecimal; None for any other."""
    try:
        address.encode()
    except UnicodeEncodeError:
        return address.encode(errors="surrogateescape").hex()
    return None


def to_source(item: Item) -> Source:
    """The source that `to_item` wrote. KeyError or TypeError for another program's entry."""
    request: Mapping[str, Any] = item.request
    return Source(
        item.item_id,
        str(request["address"])
        if (raw := request.get("address_bytes")) is None
        else bytes.fromhex(raw).decode(errors="surrogateescape"),
        bool(request["is_url"]),
        licence=request["licence"],
        tags=tuple(request["tags"]),
        sections_s=tuple((float(start), float(end)) for start, end in request["sections_s"]),
        max_seconds=request["max_seconds"],
        max_bytes=request["max_bytes"],
        max_entries=request.get("max_entries"),
        named_by_user=bool(request.get("named_by_user", True)),
    )


def failed_sources(lake_root: str, reason: str | None) -> list[Source]:
    """Sources of the items that have failed, all or those of one reason slug. What could not be read on this machine is
    looked at again: it may be a list by now."""
    ledger = Ledger.open(lake_root)
    try:
        entries = ledger.entries(FAILED)
    finally:
        ledger.close()
    failed = [to_source(entry.item) for entry in entries if reason in (None, entry.reason) and entry.item.request]
    return expand(readable for source in failed for readable in expand_again(source))


def sources_to_do(ledger: Ledger, item_ids: Sequence[str] | None, recipe: str) -> list[Source]:
    """Sources of the items that are pending, or failed and due: those of `item_ids` in their order, or (None) all, of
    the pending ones only those that were asked for under this recipe."""
    now = ledger.clock()
    due = [entry for entry in ledger.entries(FAILED) if entry.due_at is not None and entry.due_at <= now]
    failed = [entry for entry in due if entry.damaged is None]
    pending = [entry for entry in ledger.entries(PENDING) if entry.damaged is None]
    if item_ids is None:
        return [to_source(entry.item) for entry in [*(e for e in pending if e.recipe == recipe), *failed]]
    ready = {entry.item.item_id: entry.item for entry in [*pending, *failed]}
    return [to_source(ready[item_id]) for item_id in item_ids if item_id in ready]
