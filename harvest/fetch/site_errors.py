"""Translates exceptions of yt-dlp into our error classes: by status code and type, else by the host's words."""

import errno
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import GeoRestrictedError, RegexNotFoundError, UnsupportedError

from harvest.errors import (
    AddressRefused,
    AgeGated,
    Banned,
    DrmProtected,
    HarvestError,
    LiveStream,
    NetworkFailed,
    NotYetPublished,
    OutOfSpace,
    RateLimited,
    ScriptRuntimeMissing,
    SiteChanged,
    SiteUnsupported,
    SourceGeoBlocked,
    SourceGone,
    SourcePrivate,
)
from harvest.fetch.network_guard import AddressBlocked
from harvest.identity import host_of

_BY_STATUS: dict[int, type[HarvestError]] = {
    401: SourcePrivate, 402: SourcePrivate, 403: SourcePrivate, 404: SourceGone, 410: SourceGone,
    429: RateLimited, 451: SourceGeoBlocked,
}  # fmt: skip

_BY_WORDS: tuple[tuple[re.Pattern[str], type[HarvestError]], ...] = tuple(
    (re.compile(words, re.I), kind)
    for words, kind in (
        (
            r"confirm you.re not a bot|unusual traffic|blocked your ip|captcha|anti.?bot|cloudflare.*challenge"
            r"|\bip( address)?( is| has been| was)?( temporarily)? (blocked|banned|blacklisted)"
            r"|blocked by (the )?(server|network)"
            r"|(been|are) (temporarily )?(blocked|banned)|access.*(denied|blocked).*\bip\b",
            Banned,
        ),
        (r"rate.?limit|too many requests|slow down|quota .*exceeded|exceed.*quota", RateLimited),
        (r"no supported javascript runtime|yt-dlp-ejs|(n challenge|signature) solving failed", ScriptRuntimeMissing),
        (r"confirm your age|age.restricted|age.gated|age verification", AgeGated),
        (r"drm.protected", DrmProtected),
        (r"(available|blocked it) (in|from) your (country|region|location)|geo.?restrict", SourceGeoBlocked),
        (
            r"private video|video is private|members?.only|subscribers?.only|registered users|log ?in required|sign in"
            r"|log(ged)?[ -]in|premium|password|channel.s members|become a member|join this channel"
            r"|requires? (payment|purchase)"
            r"|(rent|buy|purchase|pay) .*to watch|authentication is required|requires authentication|patrons?.only",
            SourcePrivate,
        ),
        (r"premieres? (in|on|at)|will begin|not yet (available|started)|scheduled", NotYetPublished),
        (r"not currently live|is offline", LiveStream),
        (r"requested format is not available", SiteUnsupported),
        (
            r"has been removed|unavailable|(not|no longer) available|does not exist|terminated|not found|has ended",
            SourceGone,
        ),
        (r"unable to extract|please update|confirm you are on the latest version", SiteChanged),
        (r"no video formats found|unsupported url|no suitable|file:// urls are disabled", SiteUnsupported),
    )
)

_SHUT_OUT = next(pattern for pattern, kind in _BY_WORDS if kind is Banned)
_NO_FORMATS = re.compile(r"requested format is not available|no video formats found|only images are available", re.I)
_BLIND = re.compile(r"javascript runtime|challenge solving failed|signature solving failed", re.I)
"""Without a runtime yt-dlp only warns; later it fails because the video has no formats."""

SESSION_LIMIT_S = 3600.0
"""YouTube's "rate-limited for up to an hour", which comes without a Retry-After."""

LONGEST_WAIT_S = 30 * 86_400.0
"""Longest Retry-After that is obeyed: a header may hold a number beyond the range of any clock."""

LONG_BAN_S = 6 * 3600.0
"""A longer Retry-After counts as a ban: the host's other items wait too."""


def from_site(
    item: str, error: BaseException, warnings: Sequence[str] = (), refused: Sequence[str] = ()
) -> HarvestError:
    """The typed error for an exception that the download of `item` raised.

    `warnings` are yt-dlp's; `refused` names the addresses and programs that the network guard refused. Where no
    exception has a telling type, such a refusal counts before yt-dlp's own message.
    """
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, HarvestError):
            return cause
        if isinstance(cause, AddressBlocked):
            return _refusal(item, str(cause))
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return OutOfSpace(item, "no space left for the download; free some and run again")
    for cause in chain:
        if isinstance(cause, HTTPError):
            return _from_status(item, cause, _message(error))
        if isinstance(cause, GeoRestrictedError):
            return SourceGeoBlocked(item, "is not available from this country")
        if isinstance(cause, UnsupportedError):
            return SiteUnsupported(item, "no video found at this address")
    if refused:
        return _refusal(item, refused[0])
    message = _message(error)
    if _NO_FORMATS.search(message) and any(_BLIND.search(warning) for warning in warnings):
        return ScriptRuntimeMissing(item, "yt-dlp could not run the site's scripts: see `hmmr doctor`, docs/youtube.md")
    if any(isinstance(cause, RegexNotFoundError) for cause in chain):
        return SiteChanged(item, f"{message}: update yt-dlp")
    return _from_words(item, message)


def _refusal(item: str, why: str) -> AddressRefused:
    hint = "; private hosts need their name and port in the source and --allow-private" if "private" in why else ""
    return AddressRefused(item, why + hint)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and the errors behind it: its causes, its contexts, and the `exc_info` triples of yt-dlp."""
    queue: list[BaseException | None] = [error]
    seen: set[int] = set()
    while queue:
        link = queue.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        exc_info = getattr(link, "exc_info", None)
        queue += [exc_info[1] if exc_info else None, getattr(link, "cause", None), link.__cause__, link.__context__]


def _from_status(item: str, error: HTTPError, message: str) -> HarvestError:
    wait, host = retry_after_s(error.response.headers.get("Retry-After")), host_of(error.response.url)
    if error.status == 429 and wait is not None and wait > LONG_BAN_S:
        return Banned(item, f"the host asks to wait {wait:.0f} s", retry_after_s=wait, host=host)
    if error.status in (403, 412) and _SHUT_OUT.search(message):  # not this video: our address
        return Banned(item, message, retry_after_s=wait, host=host)
    kind = _BY_STATUS.get(error.status, NetworkFailed if error.status >= 500 else SourceGone)
    answer = f"the host answers {error.status} {error.reason or ''}".rstrip()
    return kind(item, answer, retry_after_s=wait, host=host)


def _from_words(item: str, message: str) -> HarvestError:
    for pattern, kind in _BY_WORDS:
        if pattern.search(message):
            return kind(item, message, retry_after_s=SESSION_LIMIT_S if "up to an hour" in message else None)
    return NetworkFailed(item, message)


def _message(error: BaseException) -> str:
    """One line without terminal colours and yt-dlp's advice, at most 300 characters."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).removeprefix("ERROR: ")
    text = text.split("; please report this issue", 1)[0]
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300] or type(error).__name__


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date (RFC 9110, 10.2.3); None for neither. At most
    LONGEST_WAIT_S; a host that wants a longer wait will send the header again."""
    if not header:
        return None
    if re.fullmatch(r"[0-9]+", header.strip()):
        return min(float(header), LONGEST_WAIT_S)
    try:
        due = parsedate_to_datetime(header)
        due = due if due.tzinfo else due.replace(tzinfo=UTC)
        wait = (due - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, wait), LONGEST_WAIT_S)
