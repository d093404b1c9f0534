"""A site that behaves badly on purpose, each kind on a loopback address of its own, through the real yt-dlp."""

import http.server
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harvest import errors
from harvest.download import DownloadConfig, download
from harvest.policy import Policy
from harvest.resolve import read_list
from harvest.sources import Source, expand

POLICY = Policy(licence="open", allow_private=True, max_bytes=200_000)
QUICK = DownloadConfig(socket_timeout_s=2, retries=1, max_wall_s=60)


class _Site(http.server.BaseHTTPRequestHandler):
    """Each path is one kind of trouble. `clip` is a small real video."""

    protocol_version = "HTTP/1.1"
    clip = b""
    elsewhere = ""

    def log_message(self, *args: object) -> None: ...

    def do_HEAD(self) -> None:
        self._say(200 if "robots" not in self.path else 404, b"", **{"Content-Type": "video/mp4"})

    def do_GET(self) -> None:
        name = self.path.strip("/").split("/")[0].split(".")[0]
        getattr(self, f"_{name}", self._missing)()

    def _say(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if length != -1:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
        self.close_connection = True

    def _video(self, body: bytes, length: int | None = None) -> None:
        self._say(200, body, length, **{"Content-Type": "video/mp4"})

    def _missing(self) -> None:
        self._say(404, b"not here")

    def _good(self) -> None:
        self._video(self.clip)

    def _limited(self) -> None:
        self._say(429, b"", **{"Retry-After": "5"})

    def _forbidden(self) -> None:
        self._say(403, b"")

    def _reset(self) -> None:
        self._video(self.clip[: len(self.clip) // 2], len(self.clip))

    def _longer(self) -> None:
        self._video(self.clip, len(self.clip) + 1000)

    def _drip(self) -> None:
        self._video(b"", 10_000)
        try:
            for _ in range(60):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.3)
        except OSError:
            pass

    def _endless(self) -> None:
        self._video(b"", -1)
        try:
            while True:
                self.wfile.write(bytes(65536))
        except OSError:
            pass

    def _html(self) -> None:
        page = b"<html><title>../../pwn\x07</title><body>no video</body></html>"
        self._say(200, page, **{"Content-Type": "text/html"})

    def _metadata(self) -> None:
        self._say(302, b"", Location="http://169.254.169.254/latest/clip.mp4")

    def _inside(self) -> None:
        self._say(302, b"", Location=self.elsewhere)

    def _feed(self) -> None:
        links = (f"http://127.0.0.1/v/{i}.mp4" for i in range(100_000))
        items = "".join(f"<item><title>{link[-9:]}</title><link>{link}</link></item>" for link in links)
        text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>all</title>{items}</channel></rss>'
        self._say(200, text.encode(), **{"Content-Type": "application/rss+xml"})


@pytest.fixture
def site(served: Callable[..., str], clip: Callable[..., Path]) -> Callable[[str, str], Source]:
    """site(path, host): the source for one path of a bad site on its own address."""
    _Site.clip = clip("h264.mp4", "-c:v", "libx264").read_bytes()
    _Site.elsewhere = served(_Site, "127.0.0.9") + "/good/clip.mp4"

    def source(path: str, host: str = "127.0.0.1") -> Source:
        return expand([f"{served(_Site, host)}/{path}"])[0]

    return source


@pytest.mark.parametrize(
    ("path", "kind", "says"),
    [
        ("limited/a.mp4", errors.RateLimited, "429"),
        ("forbidden/a.mp4", errors.SourcePrivate, "403"),
        ("gone/a.mp4", errors.SourceGone, "404"),
        ("reset/a.mp4", errors.NetworkFailed, ""),
        ("longer/a.mp4", errors.NetworkFailed, ""),
        ("endless/a.mp4", errors.TooLarge, "200000"),
        ("html/a.mp4", errors.SiteUnsupported, "no video"),
        ("metadata/a.mp4", errors.AddressRefused, "link-local"),
        ("inside/a.mp4", errors.AddressRefused, "127.0.0.9"),
    ],
)
def test_every_trouble_has_its_name(
    site: Callable[..., Source], tmp_path: Path, path: str, kind: type[errors.HarvestError], says: str
) -> None:
    source = site(path, f"127.0.0.{2 + len(path)}")
    began = time.monotonic()
    with pytest.raises(errors.HarvestError) as caught:
        download(source, tmp_path / "work", POLICY, QUICK)
    assert type(caught.value) is kind, caught.value
    assert says in caught.value.message
    assert caught.value.item == source.address
    assert time.monotonic() - began < 60
    assert {path.name for path in tmp_path.iterdir()} <= {"work"}


@pytest.mark.slow
def test_one_byte_a_second_ends_at_the_limit(site: Callable[..., Source], tmp_path: Path) -> None:
    with pytest.raises(errors.TooSlow, match="2 s"):
        download(site("drip/a.mp4"), tmp_path, POLICY, replace(QUICK, max_wall_s=2))


def test_retry_after_reaches_the_error(site: Callable[..., Source], tmp_path: Path) -> None:
    with pytest.raises(errors.RateLimited) as caught:
        download(site("limited/a.mp4"), tmp_path, POLICY, QUICK)
    assert caught.value.retry_after_s == 5


def test_two_videos_named_alike_are_two_files(site: Callable[..., Source], tmp_path: Path) -> None:
    first, second = site("good/clip.mp4", "127.0.0.2"), site("good/clip.mp4", "127.0.0.3")
    paths = [download(source, tmp_path, POLICY, QUICK).path for source in (first, second)]
    assert paths[0] != paths[1]
    assert {path.stem for path in paths} == {first.item_id, second.item_id}
    assert all(path.read_bytes() == _Site.clip for path in paths)


def test_private_hosts_need_leave(site: Callable[..., Source], tmp_path: Path) -> None:
    with pytest.raises(errors.AddressRefused, match="--allow-private"):
        download(site("good/clip.mp4"), tmp_path, replace(POLICY, allow_private=False), QUICK)


def test_unknown_licence_fetches_no_file(site: Callable[..., Source], tmp_path: Path) -> None:
    with pytest.raises(errors.LicenceUnknown):
        download(site("good/clip.mp4"), tmp_path / "work", replace(POLICY, licence=None), QUICK)
    assert list((tmp_path / "work").iterdir()) == []


def test_part_of_an_earlier_try_is_resumed(site: Callable[..., Source], tmp_path: Path) -> None:
    source = site("good/clip.mp4")
    got = download(source, tmp_path, POLICY, QUICK)
    assert got.path.read_bytes() == _Site.clip
    assert got.verdict.licence.startswith("vouched")
    assert got.provenance["extractor_key"] == "Generic"


def test_playlist_of_100_000_is_bounded(site: Callable[..., Source]) -> None:
    feed = replace(site("feed/all.rss"), max_entries=3, tags=("dance",))
    found = read_list(feed, POLICY, QUICK)
    assert [source.address for source in found] == [f"http://127.0.0.1/v/{i}.mp4" for i in range(3)]
    assert {(source.tags, source.max_entries, source.problem) for source in found} == {(("dance",), None, None)}


def test_list_that_cannot_be_read_keeps_its_problem(site: Callable[..., Source]) -> None:
    (broken,) = read_list(replace(site("gone/list"), max_entries=3), POLICY, QUICK)
    assert isinstance(broken.problem, errors.SourceGone)
