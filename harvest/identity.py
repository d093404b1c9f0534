"""The identity of a video: canonical URLs, and ids that are hashes of a URL or of a file's content."""

import hashlib
import re
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

_TRACKERS: dict[str, re.Pattern[str]] = {
    "youtube.com": re.compile(r"utm_\w+|si|feature|pp|ab_channel"),
    "youtu.be": re.compile(r"utm_\w+|si|feature|pp"),
    "instagram.com": re.compile(r"utm_\w+|igsh|igshid|ig_web_copy_link"),
    "tiktok.com": re.compile(r"utm_\w+|_r|_t|is_from_webapp|sender_device|web_id"),
    "twitter.com": re.compile(r"utm_\w+|s|t|ref_src|ref_url"),
    "x.com": re.compile(r"utm_\w+|s|t|ref_src|ref_url"),
    "facebook.com": re.compile(r"utm_\w+|fbclid|mibextid|rdid"),
    "vimeo.com": re.compile(r"utm_\w+|fbclid|share"),
    "dailymotion.com": re.compile(r"utm_\w+"),
    "commons.wikimedia.org": re.compile(r"utm_\w+|uselang"),
}
"""Query parameters that only name who shared a link, by host; they are dropped for these hosts alone. On other hosts a
parameter of the same name may choose the video or be covered by a signature."""
_DEFAULT_PORT = {"http": 80, "https": 443}
_ANY_TRACKER = re.compile(r"utm_\w+|fbclid|gclid|si|feature|ref_src")
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_YOUTUBE = re.compile(
    r"https?://(?:www\.|m\.)?(?:youtu\.be/|youtube\.com/(?:shorts/|embed/|watch\?(?:.*&)?v=))([\w-]{11})"
)
S3 = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_AS_IT_IS = "/:@!$&'()*+,;=-._~%?[]{}|^`\\"
"""Characters of a path or query that are not escaped: an escape, or none, may be part of a signed address."""


def canonical_url(url: str) -> str:
    """The canonical form of a URL, by which the ledger knows it: two spellings of an address give the same string.

    The server is asked for the same thing under both: scheme and host in lower case, no default port, no fragment, no
    user name, no known tracker of a known host; path and query stay to the letter, but for spaces and characters beyond
    ASCII, which every client escapes. Raises ValueError for what is not an http(s) address.
    """
    parts = urlsplit(url.strip())
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORT or not parts.hostname:
        raise ValueError("not an http or https address")
    host = parts.hostname.encode("idna").decode() if not parts.hostname.isascii() else parts.hostname
    host = host.lower().rstrip(".")
    netloc = f"[{host}]" if ":" in host else host
    if parts.port not in (None, _DEFAULT_PORT[scheme]):
        netloc += f":{parts.port}"
    path, query = (quote(part, safe=_AS_IT_IS) for part in (parts.path or "/", parts.query))
    return _youtube(urlunsplit((scheme, netloc, path, _without_trackers(host, query), "")))


def canonical_address(text: str) -> str:
    """The canonical form of an http(s) URL or of s3://BUCKET/KEY, whose key is taken to the letter.

    Raises ValueError for anything else. Only for what the user wrote: what a web page names is canonical_url's, so
    that no page can make us read the user's buckets.
    """
    if not text.strip().lower().startswith(S3):
        return canonical_url(text)
    bucket, _, key = text.strip()[len(S3) :].partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"{bucket!r} is no name of an S3 bucket")
    return f"{S3}{bucket}/{key}"


def _without_trackers(host: str, query: str) -> str:
    """The query as it is; on a known host without the parameters that only name who shared the link."""
    known = next((names for site, names in _TRACKERS.items() if host == site or host.endswith("." + site)), None)
    if known is None:
        return query
    return "&".join(pair for pair in query.split("&") if not known.fullmatch(pair.partition("=")[0]))


def loose_address(url: str) -> str:
    """A canonical address without frequent trackers of any host, and with its query encoded again: the canonical form
    before 2026-12. It is used only to refuse addresses, where matching too much is safe; never fetch it, since the
    server may not know it."""
    parts = urlsplit(url)
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _ANY_TRACKER.fullmatch(pair[0])]
    path = _ESCAPE.sub(lambda match: match[0].upper(), quote(parts.path, safe="/:@!$&'()*+,;=-._~%"))
    return urlunsplit((parts.scheme, parts.netloc, path, urlencode(pairs), ""))


def _youtube(url: str) -> str:
    match = _YOUTUBE.match(url)
    return f"https://www.youtube.com/watch?v={match[1]}" if match else url


def host_of(url: str) -> str:
    """Host name in lower case, without the port; empty for what has none. A bucket's is `s3:BUCKET`."""
    if url.startswith(S3):
        return "s3:" + url[len(S3) :].partition("/")[0]
    return (urlsplit(url).hostname or "").lower()


def origin_of(url: str) -> tuple[str, int]:
    """Host name in lower case, and port, of an http(s) URL."""
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or _DEFAULT_PORT.get(parts.scheme.lower(), 0)


def text_id(text: str) -> str:
    """sha256 of a canonical URL, as 64 hex digits."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
