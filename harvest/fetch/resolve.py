"""Replaces lists on the web (playlists, channels, feeds, searches, S3 prefixes) by the videos that they name.

The number of entries is always bounded: a source that is a list says how many to take (`count:` in a YAML list). The
look-up runs in a process of its own, behind the same network guard as a download.
"""

import multiprocessing as mp
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from harvest.config import DownloadConfig
from harvest.errors import HarvestError, SiteUnsupported, TooSlow, WorkerDied
from harvest.fetch.network_guard import guarded
from harvest.fetch.pace import Pace, PaceConfig, TimeIsUp, time_limit
from harvest.fetch.policy import Policy, check_before_contact, user_agent
from harvest.identity import canonical_url, host_of, text_id
from harvest.sources.expand import Source

SEARCH = "search://"
LIST_SECONDS = 120.0


@dataclass(frozen=True)
class Lookup:
    """How lists are looked up: the policy, the user agent and the pace (`ledger_url` None: no limit on the pace)."""

    policy: Policy
    download: DownloadConfig
    pace: PaceConfig = field(default_factory=PaceConfig)
    ledger_url: str | None = None

    def opened(self) -> Pace | None:
        """The pace, for the process that asks."""
        return Pace.of(self.ledger_url, self.pace) if self.ledger_url else None


def resolve(sources: Sequence[Source], lookup: Lookup) -> list[Source]:
    """The same sources with every list replaced by its entries, each source once. A list that cannot be read stays,
    with its problem."""
    lists = [source for source in sources if source.max_entries is not None and source.problem is None]
    if not lists:
        return list(sources)
    with ProcessPoolExecutor(1, mp_context=mp.get_context("spawn")) as process:
        entries = {source.item_id: process.submit(look_up_list, source, lookup) for source in lists}
        resolved = [entry for source in sources for entry in _answer(source, entries.get(source.item_id))]
    return list({source.item_id: source for source in reversed(resolved)}.values())[::-1]


def _answer(source: Source, entries: "Future[list[Source]] | None") -> list[Source]:
    """The entries that the process read. A list that killed the process, and every list after it, keeps its problem."""
    try:
        return entries.result() if entries else [source]
    except BrokenExecutor:
        return [replace(source, problem=WorkerDied(source.name, "reading the list killed its process"))]


def look_up_list(source: Source, lookup: Lookup) -> list[Source]:
    """The entries of one list, at most `max_entries`; the list itself with its problem if it cannot be read."""
    from harvest.fetch.s3 import list_objects

    try:
        return list_objects(source, lookup.policy, LIST_SECONDS) if source.is_s3 else _entries(source, lookup)
    except HarvestError as error:
        return [replace(source, problem=error)]


def _entries(source: Source, lookup: Lookup) -> list[Source]:
    from harvest.fetch.download import Notes, Site
    from harvest.fetch.site_errors import from_site

    check_before_contact(source, lookup.policy)
    origins = source.private_origins if lookup.policy.allow_private else frozenset()
    options, pace = _options(source, lookup.download) | {"logger": Notes()}, lookup.opened()
    guard = None
    try:
        with guarded(origins) as guard, time_limit(LIST_SECONDS), Site(options, source.name, pace) as site:
            info = site.extract_info(_query(source), download=False)
    except TimeIsUp:
        raise TooSlow(source.name, f"reading the list took more than {LIST_SECONDS:.0f} s") from None
    except Exception as error:
        typed = from_site(source.name, error, refused=guard.refused if guard else ())
        if pace:  # before the next list of this host is asked
            pace.note(source, typed)
        raise typed from error
    listed = [_source(source, entry) for entry in _bounded(source, info or {})]
    videos = [video for video in listed if video is not None]
    if not videos:
        raise SiteUnsupported(source.name, "is no list of videos, or an empty one")
    return videos


def _options(source: Source, config: DownloadConfig) -> dict[str, Any]:
    from harvest.fetch.script_runtime import SCRIPT_RUNTIMES

    return {
        "extract_flat": True,
        "playlist_items": f"1:{source.max_entries}",
        "http_headers": {"User-Agent": user_agent(config.contact)},
        "socket_timeout": config.socket_timeout_s,
        "js_runtimes": dict(SCRIPT_RUNTIMES),
        "quiet": True,
        "proxy": "",
        "geo_bypass": False,
        "cachedir": False,
        "default_search": "error",
    }


def _query(source: Source) -> str:
    if source.address.startswith(SEARCH):
        return f"ytsearch{source.max_entries}:{source.address.removeprefix(SEARCH)}"
    return source.address


def _bounded(source: Source, info: dict[str, Any]) -> list[dict[str, Any]]:
    """A page with one video is a list of one."""
    if info.get("_type") != "playlist":
        return [info] if info else []
    return [entry for entry in info.get("entries") or () if entry][: source.max_entries]


def _source(outer: Source, entry: dict[str, Any]) -> Source | None:
    """An entry with the licence, tags and limits of its list; None for what is no web address."""
    try:
        url = canonical_url(str(entry.get("webpage_url") or entry.get("url") or ""))
    except ValueError:
        return None
    named = outer.is_url and outer.named_by_user and host_of(url) == outer.host
    return replace(
        outer, item_id=text_id(url), address=url, is_url=True, max_entries=None, pot=outer.pot or outer.address,
        named_by_user=named, via=(*outer.via, outer.item_id),
    )  # fmt: skip
