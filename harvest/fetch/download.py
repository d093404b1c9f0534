"""One URL becomes one file, through yt-dlp's Python API with its traps closed (docs/dependencies.md, yt-dlp).

We choose the file names, since yt-dlp's generic ids collide, and limit bytes and time, since its max_filesize does not
hold without a Content-Length. yt-dlp gets no shell, ffmpeg, proxy, cookies or config file, and no false user agent. The
size of pages is limited: yt-dlp reads a web page or a feed into memory whole, and a host may send for ever. Run it in a
process of its own: the address guard is process-wide and the time limit uses the alarm signal.
"""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yt_dlp import YoutubeDL
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.networking import HEADRequest
from yt_dlp.networking.exceptions import HTTPError, RequestError
from yt_dlp.utils import determine_protocol
from yt_dlp.version import __version__ as yt_dlp_version

from harvest.config import DownloadConfig
from harvest.errors import HarvestError, LiveStream, SiteUnsupported, TooLarge, TooSlow
from harvest.fetch.network_guard import guarded
from harvest.fetch.pace import Pace, TimeIsUp, time_limit
from harvest.fetch.policy import (
    AGENT,
    Policy,
    Robots,
    Verdict,
    bytes_limit,
    check_before_contact,
    check_limits,
    check_metadata,
    check_robots_tag,
    user_agent,
)
from harvest.fetch.script_runtime import SCRIPT_RUNTIMES
from harvest.fetch.site_errors import from_site
from harvest.sources.expand import Source

MAX_PAGE_BYTES = 64 << 20
"""Largest page, feed or manifest after decompression; a feed of 100,000 entries has some 10 MB. Media files are read in
blocks and have a limit of their own."""
PROTOCOLS = frozenset({"http", "https", "m3u8", "m3u8_native", "http_dash_segments", "http_dash_segments_generator"})
"""yt-dlp's names of the protocols that it fetches in Python. For rtmp, rtsp, mms and websockets it would start
rtmpdump, mplayer, mpv or ffmpeg, whose sockets the network guard cannot see."""
_BLOCK = 1 << 20
_MAX_WARNINGS = 100


class Notes:
    """yt-dlp's logger. It keeps the warnings, since some faults are reported by a warning alone. It drops errors, which
    also arrive as exceptions, and information, which does not belong on our stdout."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def debug(self, message: str) -> None:
        """Drops the message."""

    def info(self, message: str) -> None:
        """Drops the message."""

    def error(self, message: str) -> None:
        """Drops the message: the exception holds it too."""

    def warning(self, message: str) -> None:
        """Keeps the message, for the first hundred of them, 500 characters each."""
        if len(self.warnings) < _MAX_WARNINGS:
            self.warnings.append(message[:500])


class Site(YoutubeDL):  # type: ignore[misc]
    """A YoutubeDL in which every request waits for its host's slot, and which raises TooLarge, in the name of `item`,
    for a page above MAX_PAGE_BYTES."""

    def __init__(self, options: dict[str, Any], item: str, pace: Pace | None = None) -> None:
        self._item, self._pace = item, pace
        super().__init__(options)

    def dl(self, name: Any, info: Any, subtitle: bool = False, test: bool = False) -> Any:
        """Downloads as yt-dlp does, but only by HTTP, HLS and DASH: for other protocols yt-dlp starts programs."""
        protocol = determine_protocol(info)
        if not set(protocol.split("+")) <= PROTOCOLS:
            raise SiteUnsupported(self._item, f"is served by {protocol[:40]}, which is not fetched")
        return super().dl(name, info, subtitle, test)

    def urlopen(self, request: Any) -> Any:
        """Opens a URL as yt-dlp does, at the host's pace; a read without a size is limited to MAX_PAGE_BYTES."""
        url = request if isinstance(request, str) else str(getattr(request, "url", None) or request.get_full_url())
        try:
            with self._pace.request(self._item, url) if self._pace else nullcontext():
                response = super().urlopen(request)
        except RequestError as error:
            if isinstance(error.cause, HarvestError):
                raise error.cause from error
            raise
        plain = response.read

        def read(amount: int | None = None) -> bytes:
            if amount is not None:
                return bytes(plain(amount))
            page = bytearray()
            while block := plain(_BLOCK):
                page += block
                if len(page) > MAX_PAGE_BYTES:
                    raise TooLarge(self._item, f"its page has more than {MAX_PAGE_BYTES >> 20} MB")
            return bytes(page)

        response.read = read
        return response


_log = logging.getLogger(__name__)
_DEFAULT = DownloadConfig()

_PROVENANCE = (
    "extractor_key", "id", "webpage_url", "original_url", "upload_date", "timestamp", "license", "uploader", "epoch",
    "format_id", "vcodec", "width", "height",
)  # fmt: skip


@dataclass(frozen=True)
class Download:
    """A file on disk, the policy's verdict on it, and where it came from."""

    path: Path
    verdict: Verdict
    title: str | None
    uploader: str | None
    provenance: Mapping[str, Any]


def download(
    source: Source,
    folder: Path,
    policy: Policy,
    config: DownloadConfig = _DEFAULT,
    progress: Callable[[int, int | None], None] | None = None,
    pace: Pace | None = None,
    robots: Robots | None = None,
) -> Download:
    """Fetch a source into `folder`/ITEM_ID.EXT; a part left by an earlier try is resumed. Raises HarvestError only.

    `progress` gets (bytes so far, bytes in all or None). Without a `pace` no request waits; `robots`
    remembers the rules of hosts that were asked before.
    """
    check_before_contact(source, policy)
    folder.mkdir(parents=True, exist_ok=True)
    notes = Notes()
    origins = source.private_origins if policy.allow_private else frozenset()
    cap = bytes_limit(source, policy)
    options = _options(source, folder, config, cap, _hook(source, cap, progress), notes)
    guard = None
    try:
        with guarded(origins) as guard, time_limit(config.max_wall_s), Site(options, source.name, pace) as site:
            return _fetch(source, policy, site, robots or Robots(AGENT))
    except TimeIsUp:
        raise TooSlow(source.name, f"download did not end within {config.max_wall_s:.0f} s") from None
    except HarvestError as error:
        if isinstance(error, TooLarge):
            discard(source, folder)
        raise
    except Exception as error:
        raise from_site(source.name, error, notes.warnings, guard.refused if guard else ()) from error


def discard(source: Source, folder: Path) -> None:
    """Remove whatever a download of this source left, whole or in part."""
    for path in folder.glob(f"{source.item_id}*"):
        path.unlink(missing_ok=True)
    with suppress(OSError):  # not empty: another item's files lie there too
        folder.rmdir()


def _fetch(source: Source, policy: Policy, site: YoutubeDL, robots: Robots) -> Download:
    if policy.obey_robots and _is_plain_page(source.address):
        _ask_robots(source, site, robots)
    info = _single(source, site.extract_info(source.address, download=False))
    verdict = check_metadata(source, info, policy)
    done = site.process_ie_result(info, download=True)
    path = _file_of(source, done)
    check_limits(source, policy, seconds=None, size=path.stat().st_size)
    _log.info("%s: %d bytes, licence %s", source.name, path.stat().st_size, verdict.licence)
    provenance = {key: done.get(key) for key in _PROVENANCE} | {"yt_dlp": yt_dlp_version}
    return Download(path, verdict, _words(done.get("title")), _words(done.get("uploader")), provenance)


def _words(text: Any) -> str | None:
    """A host's text for tables and terminals: one line of at most 1,000 characters, without control characters."""
    if text is None:
        return None
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)[:1000]).split())


def _options(
    source: Source, folder: Path, config: DownloadConfig, cap: int, hook: Callable[[dict[str, Any]], None], notes: Notes
) -> dict[str, Any]:
    return {
        "outtmpl": {"default": str(folder / f"{source.item_id}.%(ext)s")},
        "format": "bv*/b",
        "format_sort": [f"res:{config.max_height}"],
        "http_headers": {"User-Agent": user_agent(config.contact)},
        "max_filesize": cap,
        "progress_hooks": [hook],
        "logger": notes,
        "quiet": True,
        "noprogress": True,
        "socket_timeout": config.socket_timeout_s,
        "retries": config.retries,
        "fragment_retries": config.retries,
        "skip_unavailable_fragments": False,  # a film with holes is no film
        "extractor_retries": 1,
        "sleep_interval_requests": config.sleep_s,
        "continuedl": True,
        "js_runtimes": dict(SCRIPT_RUNTIMES),
        "noplaylist": True,
        "playlist_items": "1:2",
        "default_search": "error",
        "proxy": "",
        "geo_bypass": False,
        "cachedir": False,
        "updatetime": False,
        "fixup": "never",
        "hls_prefer_native": True,
        # ffmpeg opens sockets of its own, past the guard: yt-dlp must not find one
        "ffmpeg_location": str(folder / "no-ffmpeg-here"),
    }


def _hook(
    source: Source, cap: int, progress: Callable[[int, int | None], None] | None
) -> Callable[[dict[str, Any]], None]:
    last = [0.0]

    def hook(status: dict[str, Any]) -> None:
        so_far = int(status.get("downloaded_bytes") or 0)
        if so_far > cap:
            raise TooLarge(source.name, f"more than {cap} bytes came in; the limit is {cap}")
        if progress and time.monotonic() - last[0] > 0.2:
            last[0] = time.monotonic()
            total = status.get("total_bytes") or status.get("total_bytes_estimate")
            progress(so_far, int(total) if total else None)

    return hook


def _single(source: Source, info: Mapping[str, Any] | None) -> dict[str, Any]:
    """The one video of an answer. A page with several videos is a list: name it as one."""
    if info is None:
        raise SiteUnsupported(source.name, "no video found at this address")
    if info.get("_type") in {"playlist", "multi_video"}:
        entries = [entry for entry in info.get("entries") or () if entry]
        if len(entries) != 1:
            raise SiteUnsupported(source.name, f"holds {'no video' if not entries else 'several videos'}; "
                                  "name a list of them in a YAML with `count:`")  # fmt: skip
        return _single(source, entries[0])
    return dict(info)


def _is_plain_page(url: str) -> bool:
    """Whether no extractor of yt-dlp's claims this address as its own."""
    extractors = [extractor for extractor in gen_extractor_classes() if extractor.ie_key() != "Generic"]
    return not any(extractor.suitable(url) for extractor in extractors)


def _ask_robots(source: Source, site: YoutubeDL, robots: Robots) -> None:
    """Before the first byte of a plain web address: its host's robots.txt, then its own X-Robots-Tag."""

    def fetch(url: str) -> tuple[int, str]:
        try:
            with site.urlopen(url) as answer:
                return answer.status, answer.read(512 << 10).decode("utf-8", "replace")
        except HTTPError as error:
            return error.status, ""

    robots.check(source.name, source.address, fetch)
    try:
        with site.urlopen(HEADRequest(source.address)) as answer:
            check_robots_tag(source.name, answer.headers.get("X-Robots-Tag"), AGENT)
    except HTTPError as error:
        if error.status not in (403, 404, 405, 501):
            raise


def _file_of(source: Source, info: Mapping[str, Any]) -> Path:
    """yt-dlp reports success without a file when it skipped one (too large by Content-Length, or live)."""
    wanted = info.get("requested_downloads") or [{}]
    filepath = wanted[0].get("filepath")
    if filepath and Path(filepath).is_file():
        return Path(filepath)
    if info.get("is_live"):
        raise LiveStream(source.name, "is a live stream")
    raise TooLarge(source.name, "skipped by its announced size, which is above the limit")
