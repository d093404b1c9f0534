# ruff: noqa: N818  names say what happened, as in yt-dlp; an Error suffix adds nothing
"""The errors of one source, as a tree: class, when the item is tried again, meaning.

    HarvestError                   names the item; never stops the run
    ├── SourceRejected             the answer is no, and waiting will not change it
    │   ├── LicenceUnknown         asked    nobody says that it may be used
    │   ├── LicenceClosed          asked    the host says that it may not
    │   ├── OptedOut               asked    URL, uploader or host is on the opt-out list
    │   ├── AddressRefused         asked    private, loopback or link-local address, or none at all
    │   ├── RobotsRefused          asked    robots.txt or X-Robots-Tag says no
    │   ├── AgeGated               never    the host asks for a proof of age
    │   ├── DrmProtected           never    its pictures are encrypted
    │   ├── LiveStream             never    it has no end
    │   ├── TooLong                asked    longer than the limit
    │   ├── TooLarge               asked    more bytes than the limit
    │   ├── TooManyPixels          asked    frames larger than the limit
    │   ├── Duplicate              never    the same content is in the lake under another address
    │   ├── Erased                 never    its content, or all of its uploader, was erased from the lake before
    │   ├── NoPerson               recipe   nobody was seen
    │   └── NothingUsable          recipe   every track was rejected (rows of `rejects` say why)
    └── SourceFailed               it should have worked
        ├── SourceGone             hand     404, 410, removed
        ├── SourcePrivate          hand     401, 403, private, for members
        ├── SourceGeoBlocked       hand     not from here
        ├── NotYetPublished        1 day    a premiere, or a stream that has not begun
        ├── RateLimited            1 min *  429
        ├── Banned                 1 day *  the host has shut us out for long
        ├── NetworkFailed          5 min    reset, timeout, 5xx, wrong length
        ├── TooSlow                1 h      did not end within its time limit
        ├── OutOfSpace             1 h      our own disk is full
        ├── ScriptRuntimeMissing   hand     the site needs a JavaScript runtime (docs/youtube.md)
        ├── SiteUnsupported        hand     yt-dlp finds no video there
        ├── SiteChanged            hand     yt-dlp no longer understands the site: update it
        ├── Unreadable             hand     a file, folder or list that cannot be read
        ├── NoVideoStream          hand     a media file without pictures
        ├── DecodeFailed           hand     damaged, cut off, or not a video
        ├── ContentChanged         hand     not the file whose labels are in the lake (`hmmr harvest features`)
        ├── NotAsLabelled          hand     what its labels were made of cannot be had again (`hmmr harvest features`)
        ├── WorkerDied             1 min    the process that handled it was killed
        └── InternalError          1 h      a bug of ours: the message holds the exception

When: `asked`, whenever its source is named again, since you may vouch, allow or raise a limit meanwhile; `recipe` and
`never`, only when all is done again under another labelling recipe; `hand`, by `hmmr harvest retry --class REASON` or
by naming it again with `hmmr harvest run`; a time, by any later run that names it, after so long (* or as long as the
host's Retry-After says; within one run only a short wait is waited for, see harvest/fetch/pace.py).
`reason` is the stable slug that the ledger and the tables keep; `retry_after_s` is None where no time helps.
"""

from typing import ClassVar


class HarvestError(Exception):
    """One source's trouble. `item` names it as the user wrote it; the message says what and what to do. `host` is the
    host that said so, where that is known: after a redirect it is not the source's."""

    reason: ClassVar[str] = "harvest_error"
    default_retry_s: ClassVar[float | None] = None

    def __init__(self, item: str, message: str, *, retry_after_s: float | None = None, host: str | None = None) -> None:
        self.item = item
        self.message = message
        self.host = host
        self.retry_after_s = retry_after_s if retry_after_s is not None else self.default_retry_s
        super().__init__(f"{item}: {message}")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.item, self.message, self.retry_after_s, self.host)


def _rebuild(
    kind: type[HarvestError], item: str, message: str, retry_after_s: float | None, host: str | None
) -> HarvestError:
    return kind(item, message, retry_after_s=retry_after_s, host=host)


class SourceRejected(HarvestError):
    """The policy or the labels say no."""

    reason = "rejected"


class SourceFailed(HarvestError):
    """It should have worked; some kinds are worth another try."""

    reason = "failed"


class LicenceUnknown(SourceRejected):
    """Nobody says that it may be used."""

    reason = "licence_unknown"


class LicenceClosed(SourceRejected):
    """The host says that it may not."""

    reason = "licence_closed"


class OptedOut(SourceRejected):
    """URL, uploader or host is on the opt-out list."""

    reason = "opted_out"


class AddressRefused(SourceRejected):
    """Private, loopback or link-local address, or no web address at all."""

    reason = "address_refused"


class RobotsRefused(SourceRejected):
    """Robots.txt or X-Robots-Tag says no."""

    reason = "robots_refused"


class AgeGated(SourceRejected):
    """The host asks for a proof of age."""

    reason = "age_gated"


class DrmProtected(SourceRejected):
    """Its pictures are encrypted."""

    reason = "drm_protected"


class LiveStream(SourceRejected):
    """It has no end."""

    reason = "live_stream"


class TooLong(SourceRejected):
    """Longer than the limit."""

    reason = "too_long"


class TooLarge(SourceRejected):
    """More bytes than the limit."""

    reason = "too_large"


class TooManyPixels(SourceRejected):
    """Frames larger than the limit."""

    reason = "too_many_pixels"


class Duplicate(SourceRejected):
    """The same content is in the lake under another address."""

    reason = "duplicate"


class Erased(SourceRejected):
    """The same bytes, or all of their uploader, were erased from the lake before, under this address or another."""

    reason = "erased_content"


class NoPerson(SourceRejected):
    """Nobody was seen."""

    reason = "no_person"


class NothingUsable(SourceRejected):
    """People were seen, every track was rejected (rows of `rejects` say why)."""

    reason = "nothing_usable"


class SourceGone(SourceFailed):
    """404, 410, removed."""

    reason = "gone"


class SourcePrivate(SourceFailed):
    """401, 403, private, for members."""

    reason = "private"


class SourceGeoBlocked(SourceFailed):
    """Not from here."""

    reason = "geo_blocked"


class NotYetPublished(SourceFailed):
    """A premiere, or a stream that has not begun."""

    reason = "not_yet_published"
    default_retry_s = 24 * 3600.0


class RateLimited(SourceFailed):
    """429: try again after `retry_after`."""

    reason = "rate_limited"
    default_retry_s = 60.0


class Banned(SourceFailed):
    """The host has shut us out for long."""

    reason = "banned"
    default_retry_s = 24 * 3600.0


class NetworkFailed(SourceFailed):
    """Reset, timeout, 5xx, wrong length."""

    reason = "network_failed"
    default_retry_s = 300.0


class TooSlow(SourceFailed):
    """Did not end within its time limit."""

    reason = "too_slow"
    default_retry_s = 3600.0


class OutOfSpace(SourceFailed):
    """Our own disk is full."""

    reason = "out_of_space"
    default_retry_s = 3600.0


class ScriptRuntimeMissing(SourceFailed):
    """The site needs a JavaScript runtime that is not installed."""

    reason = "script_runtime_missing"


class SiteUnsupported(SourceFailed):
    """Yt-dlp finds no video there."""

    reason = "site_unsupported"


class SiteChanged(SourceFailed):
    """Yt-dlp no longer understands the site: update it."""

    reason = "site_changed"


class Unreadable(SourceFailed):
    """A file, folder or list that cannot be read."""

    reason = "unreadable"


class NoVideoStream(SourceFailed):
    """A media file without pictures."""

    reason = "no_video_stream"


class DecodeFailed(SourceFailed):
    """Damaged, cut off, or not a video."""

    reason = "decode_failed"


class ContentChanged(SourceFailed):
    """Not the file whose labels are in the lake."""

    reason = "content_changed"


class NotAsLabelled(SourceFailed):
    """The pictures or joints that its labels were made of cannot be had again: another decoding, smoothed joints."""

    reason = "not_as_labelled"


class WorkerDied(SourceFailed):
    """The process that handled it was killed."""

    reason = "worker_died"
    default_retry_s = 60.0


class InternalError(SourceFailed):
    """A bug of ours: the message holds the exception."""

    reason = "internal_error"
    default_retry_s = 3600.0
