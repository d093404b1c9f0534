"""What a site did, as a typed error that knows whether to try again."""

import io
from datetime import UTC, datetime

import pytest
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, UnsupportedError

from harvest import errors
from harvest.network_guard import AddressBlocked
from harvest.site_errors import from_site, retry_after_s


def _wrapped(error: BaseException) -> DownloadError:
    """As yt-dlp hands it out: the cause only in exc_info."""
    return DownloadError(f"ERROR: {error}", (type(error), error, None))


def _http(status: int, retry_after: str | None = None) -> HTTPError:
    headers = {"Retry-After": retry_after} if retry_after else {}
    return HTTPError(Response(io.BytesIO(), "http://x.org/", headers, status=status))


@pytest.mark.parametrize(
    ("raised", "kind", "retry"),
    [
        (_http(404), errors.SourceGone, None),
        (_http(410), errors.SourceGone, None),
        (_http(403), errors.SourcePrivate, None),
        (_http(451), errors.SourceGeoBlocked, None),
        (_http(429), errors.RateLimited, 60),
        (_http(429, "7"), errors.RateLimited, 7),
        (_http(429, "100000"), errors.Banned, 100_000),
        (_http(503, "30"), errors.NetworkFailed, 30),
        (_http(500), errors.NetworkFailed, 300),
        (TransportError("reset"), errors.NetworkFailed, 300),
        (AddressBlocked("127.0.0.2"), errors.AddressRefused, None),
        (GeoRestrictedError("no"), errors.SourceGeoBlocked, None),
        (UnsupportedError("http://x.org"), errors.SiteUnsupported, None),
        (ExtractorError("Private video", expected=True), errors.SourcePrivate, None),
        (ExtractorError("Sign in to confirm your age", expected=True), errors.AgeGated, None),
        (ExtractorError("Sign in to confirm you’re not a bot", expected=True), errors.Banned, 86_400),
        (ExtractorError("Video unavailable. This video has been removed", expected=True), errors.SourceGone, None),
        (ExtractorError("No supported JavaScript runtime", expected=True), errors.ScriptRuntimeMissing, None),
        (ExtractorError("Requested format is not available"), errors.TooManyPixels, None),
    ],
)
def test_table(raised: BaseException, kind: type[errors.HarvestError], retry: float | None) -> None:
    found = from_site("http://x.org/v", _wrapped(raised))
    assert type(found) is kind
    assert found.retry_after_s == retry
    assert str(found).startswith("http://x.org/v: ")


def test_message_is_one_plain_line() -> None:
    found = from_site("x", DownloadError("ERROR: \x1b[0;31mbad\x1b[0m\nthing\x07; please report this issue on ..."))
    assert found.message == "bad thing"


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    assert retry_after_s("Thu, 01 Jan 2026 12:02:00 GMT", now) == 120
    assert retry_after_s("Thu, 01 Jan 2026 11:00:00 GMT", now) == 0
    assert retry_after_s("soon") is None
    assert retry_after_s(None) is None


def test_every_error_survives_a_pipe_and_has_its_own_reason() -> None:
    import pickle

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.HarvestError)]
    assert len({kind.reason for kind in kinds}) == len(kinds)
    for kind in kinds:
        back = pickle.loads(pickle.dumps(kind("item", "words", retry_after_s=3.0)))
        assert (type(back), back.item, back.message, back.retry_after_s) == (kind, "item", "words", 3.0)
        assert kind.__name__ in (errors.__doc__ or "")
