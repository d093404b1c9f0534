"""Is a URL still there? One polite request a source, behind the same network guard as a download."""

import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storage.lake import Lake

_GONE = (404, 410, 451)
"""Status codes of a source that is gone; 403, 429 and 5xx may be temporary."""


def due(lake: "Lake", limit: int) -> list[tuple[str, str]]:
    """(source_id, URL) of web sources, those probed longest ago first; sources known to be gone are left out."""
    last: dict[str, float] = {}
    gone = set()
    for row in lake.read("probes").sort_by("probed_at").to_pylist():
        last[row["source_id"]] = row["probed_at"].timestamp()
        if not row["alive"]:
            gone.add(row["source_id"])
    videos = lake.read("videos", ["source_id", "url"]).to_pylist()
    pairs = {row["source_id"]: row["url"] for row in videos if str(row["url"]).startswith(("http://", "https://"))}
    waiting = sorted((s for s in pairs if s not in gone), key=lambda source: (last.get(source, 0.0), source))
    return [(source, pairs[source]) for source in waiting[:limit]]


class _StillHead(urllib.request.HTTPRedirectHandler):
    """Python 3.11 follows a redirected HEAD with a GET, which would begin to fetch the video."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> urllib.request.Request | None:
        request = super().redirect_request(*args, **kwargs)
        if request is not None:
            request.method = "HEAD"
        return request


def ask(url: str, *, allow_private: bool = False, timeout_s: float = 20.0) -> tuple[bool, str]:
    """(alive, answer) of a URL. Any doubt counts as alive: a survival curve must not fall because we were blocked."""
    from harvest.fetch.network_guard import guarded
    from harvest.identity import origin_of

    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "hmmr-harvest link probe"})
    try:
        with guarded(frozenset({origin_of(url)}) if allow_private else frozenset()):
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _StillHead)
            with opener.open(request, timeout=timeout_s) as answer:
                return True, str(answer.status)
    except urllib.error.HTTPError as error:
        return error.code not in _GONE, str(error.code)
    except (OSError, ValueError) as error:
        return True, type(error).__name__
