"""yt-dlp, whose pages have an end: it reads a web page or a feed into memory whole, and a host may send for ever."""

from contextlib import nullcontext
from typing import Any

from yt_dlp import YoutubeDL
from yt_dlp.networking.exceptions import RequestError
from yt_dlp.utils import determine_protocol

from harvest.errors import HarvestError, SiteUnsupported, TooLarge
from harvest.fetch.pace import Pace

MAX_PAGE_BYTES = 64 << 20
"""Of a page, feed or manifest, unpacked; a feed of 100,000 entries has some 10 MB. Media files are read in blocks and
have a cap of their own."""
PROTOCOLS = frozenset({"http", "https", "m3u8", "m3u8_native", "http_dash_segments", "http_dash_segments_generator"})
"""yt-dlp's names of what it fetches in Python. For rtmp, rtsp, mms and websockets it would run rtmpdump, mplayer, mpv
or ffmpeg, whose sockets nothing guards."""
_BLOCK = 1 << 20
_MAX_WARNINGS = 100


class Notes:
    """yt-dlp's logger. Errors arrive as exceptions and chatter does not belong on our stdout, but some of what goes
    wrong is only ever said in a warning."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def debug(self, message: str) -> None:
        """Chatter, dropped."""

    def info(self, message: str) -> None:
        """Chatter, dropped."""

    def error(self, message: str) -> None:
        """Dropped: the exception says it too."""

    def warning(self, message: str) -> None:
        """Kept, the first hundred of them, 500 characters each."""
        if len(self.warnings) < _MAX_WARNINGS:
            self.warnings.append(message[:500])


class Site(YoutubeDL):  # type: ignore[misc]
    """A YoutubeDL that raises TooLarge, in the name of `item`, for a page above MAX_PAGE_BYTES, and whose every request
    waits for its host's slot."""

    def __init__(self, options: dict[str, Any], item: str, pace: Pace | None = None) -> None:
        self._item, self._pace = item, pace
        super().__init__(options)

    def dl(self, name: Any, info: Any, subtitle: bool = False, test: bool = False) -> Any:
        """As yt-dlp's, by its own downloaders of HTTP, HLS and DASH alone: for others it starts programs."""
        protocol = determine_protocol(info)
        if not set(protocol.split("+")) <= PROTOCOLS:
            raise SiteUnsupported(self._item, f"is served by {protocol[:40]}, which is not fetched")
        return super().dl(name, info, subtitle, test)

    def urlopen(self, request: Any) -> Any:
        """As yt-dlp's, at the host's pace; a read of everything at once is bounded."""
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
