"""What a site did, as a typed error that knows whether to try again."""

import io
import pickle
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, UnsupportedError

from harvest import errors
from harvest.fetch.network_guard import AddressBlocked
from harvest.fetch.site_errors import from_site, retry_after_s
from harvest.run import POLICY_REASONS


def _wrapped(error: BaseException) -> DownloadError:
    """As yt-dlp hands it out: the cause only in exc_info."""
    return DownloadError(f"ERROR: {error}", (type(error), error, None))


def _http(status: int, retry_after: str | None = None) -> HTTPError:
    headers = {"Retry-After": retry_after} if retry_after else {}
    return HTTPError(Response(io.BytesIO(), "http://x.org/", headers, status=status))


SAID = [
    # word for word what yt-dlp says (extractor/common.py, youtube/_video.py, YoutubeDL.py, instagram.py), and YouTube's
    # own reasons, which yt-dlp passes on, as they stand in its tests and issues
    ("Private video. Sign in if you've been granted access to this video", "private", None),
    ("Join this channel to get access to members-only content like this video.", "private", None),
    ("This video is only available for registered users. Use --cookies-from-browser or --cookies", "private", None),
    ("This content is only available for registered users who follow this account", "private", None),
    ("Sign in to confirm your age. This video may be inappropriate for some users.", "age_gated", None),
    ("Age-restricted; requires authentication", "age_gated", None),
    ("Sign in to confirm you’re not a bot. Use --cookies-from-browser or --cookies", "banned", 86_400),
    ("Video unavailable. YouTube is requiring a captcha challenge before playback", "banned", 86_400),
    ("This content isn't available, try again later. The current session has been rate-limited by YouTube for up to an "
     "hour. It is recommended to use `-t sleep` to add a delay between video requests", "rate_limited", 3600),
    ("The uploader has not made this video available in your country", "geo_blocked", None),
    ("This video is not available from your location due to geo restriction", "geo_blocked", None),
    ("Video unavailable. This video contains content from SME, who has blocked it in your country on copyright grounds",
     "geo_blocked", None),
    ("Video unavailable. This video has been removed by the uploader", "gone", None),
    ("This video has been removed for violating YouTube's Terms of Service", "gone", None),
    ("Video unavailable. This video is no longer available because the YouTube account associated with this video has "
     "been terminated.", "gone", None),
    ("This livestream has ended", "gone", None),
    ("Premieres in 3 hours", "not_yet_published", 86_400),
    ("This live event will begin in 2 days.", "not_yet_published", 86_400),
    ("The channel is not currently live", "live_stream", None),
    ("This video is DRM protected", "drm_protected", None),
    ("Requested format is not available. Use --list-formats for a list of available formats", "site_unsupported", None),
    ("No video formats found!", "site_unsupported", None),
    ("Unable to extract title; please report this issue on ...", "site_changed", None),
    ("Unable to download webpage: The read operation timed out", "network_failed", 300),
    ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "network_failed", 300),
    ("HTTP Error 429: Too Many Requests", "rate_limited", 60),
    # tiktok.py, bilibili.py, reddit.py, generic.py
    ("Your IP address is blocked from accessing this post", "banned", 86_400),
    ("Request is blocked by server (412), please wait and try later.", "banned", 86_400),
    ("You've been blocked by network security. To continue, log in to your Reddit account", "banned", 86_400),
    ("Got HTTP Error 403 caused by Cloudflare anti-bot challenge; try again with --extractor-args", "banned", 86_400),
    # instagram.py, twitter.py, and words of hosts
    ("Requested content is not available, rate-limit reached or login required", "rate_limited", 60),
    ("API returned: Rate limit exceeded", "rate_limited", 60),
    ("The download quota for this file has been exceeded", "rate_limited", 60),
    # vimeo.py, dailymotion.py, youtube.py, patreon.py
    ("This video is protected by a password, use the --video-password option", "private", None),
    ("Wrong password", "private", None),
    ("This video is available to this channel's members on level: Gold", "private", None),
    ("This video is for subscribers only", "private", None),
    ("This video requires payment to watch", "private", None),
    ("You must be logged in to view this video", "private", None),
    ("Account authentication is required. Use --cookies", "private", None),
]  # fmt: skip


@pytest.mark.parametrize(("words", "reason", "retry"), SAID)
def test_what_sites_say(words: str, reason: str, retry: float | None) -> None:
    found = from_site("x", _wrapped(ExtractorError(words, expected=True)))
    assert (found.reason, found.retry_after_s) == (reason, retry)


OURS = (
    "only available for registered users", "not available from your location due to geo restriction",
    "No video formats found!", "This video is DRM protected", "has been rate-limited by YouTube for up to an hour",
    "Requested format is not available", "Age-restricted; requires authentication", "No supported JavaScript runtime",
    "n challenge solving failed", "Signature solving failed", "requiring a captcha challenge before playback",
)  # fmt: skip


def test_yt_dlp_still_says_so() -> None:
    """The words that this yt-dlp itself puts together; another release may say it otherwise."""
    import yt_dlp

    root = Path(yt_dlp.__file__).parent
    files = [root / "YoutubeDL.py", root / "extractor/common.py", *sorted((root / "extractor/youtube").glob("_*.py"))]
    text = "".join(file.read_text() for file in files)
    assert [words for words in OURS if words not in text] == []


def test_a_forbidden_address_is_ours_where_the_words_say_so() -> None:
    blocked = ExtractorError("Your IP address is blocked from accessing this post", cause=_http(403))
    assert type(from_site("x", _wrapped(blocked))) is errors.Banned
    assert type(from_site("x", _wrapped(ExtractorError("Forbidden", cause=_http(403))))) is errors.SourcePrivate


def test_scripts_that_cannot_run_are_only_warned_of() -> None:
    warned = ["No supported JavaScript runtime could be found. Only deno is enabled by default; to use another ..."]
    for words in ("Requested format is not available", "No video formats found!"):
        raised = _wrapped(ExtractorError(words, expected=True))
        assert type(from_site("x", raised, warned)) is errors.ScriptRuntimeMissing
        assert type(from_site("x", raised, ["something else"])) is not errors.ScriptRuntimeMissing
    # what else goes wrong with a video keeps its own name
    assert type(from_site("x", _wrapped(ExtractorError("Private video")), warned)) is errors.SourcePrivate


def test_a_full_disk_is_no_network_trouble() -> None:
    full = OSError(28, "No space left on device")
    assert type(from_site("x", _wrapped(full))) is errors.OutOfSpace


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
        (ExtractorError("Requested format is not available"), errors.SiteUnsupported, None),
    ],
)
def test_table(raised: BaseException, kind: type[errors.HarvestError], retry: float | None) -> None:
    found = from_site("http://x.org/v", _wrapped(raised))
    assert type(found) is kind
    assert found.retry_after_s == retry
    assert str(found).startswith("http://x.org/v: ")


def test_who_said_so_is_kept_on_the_way_out_of_a_process() -> None:
    found = from_site("http://first.org/v", _wrapped(_http(429, "7")))
    assert found.host == "x.org"
    again = pickle.loads(pickle.dumps(found))
    assert (type(again), again.host, again.retry_after_s) == (errors.RateLimited, "x.org", 7)


def test_message_is_one_plain_line() -> None:
    found = from_site("x", DownloadError("ERROR: \x1b[0;31mbad\x1b[0m\nthing\x07; please report this issue on ..."))
    assert found.message == "bad thing"


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    assert retry_after_s("Thu, 01 Jan 2026 12:02:00 GMT", now) == 120
    assert retry_after_s("Thu, 01 Jan 2026 11:00:00 GMT", now) == 0
    assert retry_after_s("soon") is None
    assert retry_after_s("\xb2") is None, "a digit by Unicode that is no number"
    assert retry_after_s("9" * 400) == retry_after_s("Fri, 01 Jan 9999 00:00:00 GMT", now) == 30 * 86_400
    assert retry_after_s(None) is None


def test_every_error_survives_a_pipe_and_has_its_own_reason() -> None:
    import pickle

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.HarvestError)]
    assert len({kind.reason for kind in kinds}) == len(kinds)
    for kind in kinds:
        back = pickle.loads(pickle.dumps(kind("item", "words", retry_after_s=3.0)))
        assert (type(back), back.item, back.message, back.retry_after_s) == (kind, "item", "words", 3.0)
        assert kind.__name__ in (errors.__doc__ or "")


def test_the_tree_says_when() -> None:
    """The drawing in errors.py agrees with what each error knows."""
    times = {"1 min": 60, "5 min": 300, "1 h": 3600, "1 day": 86_400}
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.HarvestError)}
    drawn = re.findall(r"[├└]── (\w+) +(1 min|5 min|1 h|1 day|hand|asked|never|recipe) ", errors.__doc__ or "")
    assert {name for name, _ in drawn} | {"HarvestError", "SourceRejected", "SourceFailed"} == {
        kind.__name__ for kind in kinds
    }
    for name, when in drawn:
        kind = getattr(errors, name)
        assert kind.default_retry_s == times.get(when), name
        assert (when in ("asked", "never", "recipe")) == issubclass(kind, errors.SourceRejected), name
    asked = {getattr(errors, name).reason for name, when in drawn if when == "asked"}
    assert asked == set(POLICY_REASONS)
