# ruff: noqa: N818  names say what happened, as in yt-dlp; an Error suffix adds nothing
"""Everything that can be wrong with one source, as a tree of exceptions.

    HarvestError                      names the item; never stops the run
    ├── SourceRejected                the answer is no, and waiting will not change it
    │   ├── LicenceUnknown            nobody says that it may be used
    │   ├── LicenceClosed             the host says that it may not
    │   ├── OptedOut                  URL, uploader or host is on the opt-out list
    │   ├── AddressRefused            private, loopback or link-local address, or no web address at all
    │   ├── RobotsRefused             robots.txt or X-Robots-Tag says no
    │   ├── AgeGated                  the host asks for a proof of age
    │   ├── LiveStream                it has no end
    │   ├── TooLong                   longer than the limit
    │   ├── TooLarge                  more bytes than the limit
    │   ├── TooManyPixels             frames larger than the limit
    │   ├── Duplicate                 the same content is in the lake under another address
    │   ├── NoPerson                  nobody was seen
    │   └── NothingUsable             people were seen, every track was rejected (rows of `rejects` say why)
    └── SourceFailed                  it should have worked
        ├── SourceGone                404, 410, removed
        ├── SourcePrivate             401, 403, private
        ├── SourceGeoBlocked          not from here
        ├── RateLimited               429: try again after `retry_after`            (retried)
        ├── Banned                    the host has shut us out for long             (retried)
        ├── NetworkFailed             reset, timeout, 5xx, wrong length             (retried)
        ├── TooSlow                   did not end within its time limit             (retried)
        ├── ScriptRuntimeMissing      the site needs a JavaScript runtime that is not installed
        ├── SiteUnsupported           yt-dlp finds no video there
        ├── Unreadable                a file, folder or list that cannot be read
        ├── NoVideoStream             a media file without pictures
        ├── DecodeFailed              damaged, cut off, or not a video
        ├── WorkerDied                the process that handled it was killed         (retried)
        └── InternalError             a bug of ours: the message holds the exception (retried)

`reason` is the stable slug that the ledger and the tables keep; `retry_after_s` is None where a retry is useless.
"""

from typing import ClassVar


class HarvestError(Exception):
    """One source's trouble. `item` names it as the user wrote it; the message says what and what to do."""

    reason: ClassVar[str] = "harvest_error"
    default_retry_s: ClassVar[float | None] = None

    def __init__(self, item: str, message: str, *, retry_after_s: float | None = None) -> None:
        self.item = item
        self.message = message
        self.retry_after_s = retry_after_s if retry_after_s is not None else self.default_retry_s
        super().__init__(f"{item}: {message}")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.item, self.message, self.retry_after_s)


def _rebuild(kind: type[HarvestError], item: str, message: str, retry_after_s: float | None) -> HarvestError:
    return kind(item, message, retry_after_s=retry_after_s)


class SourceRejected(HarvestError):
    """The policy or the labels say no."""

    reason = "rejected"


class SourceFailed(HarvestError):
    """It should have worked; some kinds are worth another try."""

    reason = "failed"


class LicenceUnknown(SourceRejected):
    reason = "licence_unknown"


class LicenceClosed(SourceRejected):
    reason = "licence_closed"


class OptedOut(SourceRejected):
    reason = "opted_out"


class AddressRefused(SourceRejected):
    reason = "address_refused"


class RobotsRefused(SourceRejected):
    reason = "robots_refused"


class AgeGated(SourceRejected):
    reason = "age_gated"


class LiveStream(SourceRejected):
    reason = "live_stream"


class TooLong(SourceRejected):
    reason = "too_long"


class TooLarge(SourceRejected):
    reason = "too_large"


class TooManyPixels(SourceRejected):
    reason = "too_many_pixels"


class Duplicate(SourceRejected):
    reason = "duplicate"


class NoPerson(SourceRejected):
    reason = "no_person"


class NothingUsable(SourceRejected):
    reason = "nothing_usable"


class SourceGone(SourceFailed):
    reason = "gone"


class SourcePrivate(SourceFailed):
    reason = "private"


class SourceGeoBlocked(SourceFailed):
    reason = "geo_blocked"


class RateLimited(SourceFailed):
    reason = "rate_limited"
    default_retry_s = 60.0


class Banned(SourceFailed):
    reason = "banned"
    default_retry_s = 24 * 3600.0


class NetworkFailed(SourceFailed):
    reason = "network_failed"
    default_retry_s = 300.0


class TooSlow(SourceFailed):
    reason = "too_slow"
    default_retry_s = 3600.0


class ScriptRuntimeMissing(SourceFailed):
    reason = "script_runtime_missing"


class SiteUnsupported(SourceFailed):
    reason = "site_unsupported"


class Unreadable(SourceFailed):
    reason = "unreadable"


class NoVideoStream(SourceFailed):
    reason = "no_video_stream"


class DecodeFailed(SourceFailed):
    reason = "decode_failed"


class WorkerDied(SourceFailed):
    reason = "worker_died"
    default_retry_s = 60.0


class InternalError(SourceFailed):
    reason = "internal_error"
    default_retry_s = 3600.0
