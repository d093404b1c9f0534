"""The identity of a video: canonical URLs, and ids that are hashes of a URL or of a file's content."""

import hashlib
import re
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

_TRACKING = re.compile(r"^(utm_\w+|fbclid|gclid|si|feature|ref_src)$")
_DEFAULT_PORT = {"http": 80, "https": 443}
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
_YOUTUBE = re.compile(
    r"https?://(?:www\.|m\.)?(?:youtu\.be/|youtube\.com/(?:shorts/|embed/|watch\?(?:.*&)?v=))([\w-]{11})"
)
S3 = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SAFE_PATH = "/:@!$&'()*+,;=-._~%"


def canonical_url(url: str) -> str:
    """The canonical form of a URL, by which the ledger knows it: two spellings of an address give the same string.

    Lower-case scheme and host, no default port, no fragment, no user name, no tracking parameters, one
    percent-encoding. Raises ValueError for what is not an http(s) address.
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
    path = _PERCENT.sub(lambda match: match[0].upper(), quote(parts.path, safe=_SAFE_PATH)) or "/"
    query = urlencode([(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.match(k)])
    return _youtube(urlunsplit((scheme, netloc, path, query, "")))


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


def _youtube(url: str) -> str:
    match = _YOUTUBE.match(url)
    return f"https://www.youtube.com/watch?v={match[1]}" if match else url


def host_of(url: str) -> str:
    """Host name in lower case, without the port; empty for what has none. A bucket's is `s3:BUCKET`."""
    if url.startswith(S3):
        return "s3:" + url[len(S3) :].partition("/")[0]
    return (urlsplit(url).hostname or "").lower()


def text_id(text: str) -> str:
    """sha256 of a canonical URL, as 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()
