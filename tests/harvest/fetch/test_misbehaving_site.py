"""A site that behaves badly on purpose, each kind on a loopback address of its own, through the real yt-dlp."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harvest import errors
from harvest.config import DownloadConfig
from harvest.fetch.download import Site, download
from harvest.fetch.policy import Policy
from harvest.fetch.resolve import Lookup, look_up_list
from harvest.sources.expand import Source, expand

POLICY = Policy(licence="open", allow_private=True, max_bytes=200_000)
QUICK = DownloadConfig(socket_timeout_s=2, retries=1, max_wall_s=60)
LOOKUP = Lookup(POLICY, QUICK)


@pytest.fixture
def clip_bytes(bad_site: Any) -> bytes:
    """What a good path gives."""
    return bytes(bad_site.clip)


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
        ("metadata/a.mp4", errors.AddressRefused, "metadata"),
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


def test_two_videos_named_alike_are_two_files(site: Callable[..., Source], clip_bytes: bytes, tmp_path: Path) -> None:
    first, second = site("good/clip.mp4", "127.0.0.2"), site("good/clip.mp4", "127.0.0.3")
    paths = [download(source, tmp_path, POLICY, QUICK).path for source in (first, second)]
    assert paths[0] != paths[1]
    assert {path.stem for path in paths} == {first.item_id, second.item_id}
    assert all(path.read_bytes() == clip_bytes for path in paths)


def test_private_hosts_need_leave(site: Callable[..., Source], tmp_path: Path) -> None:
    with pytest.raises(errors.AddressRefused, match="--allow-private"):
        download(site("good/clip.mp4"), tmp_path, replace(POLICY, allow_private=False), QUICK)


def test_unknown_licence_fetches_no_file(site: Callable[..., Source], tmp_path: Path) -> None:
    with pytest.raises(errors.LicenceUnknown):
        download(site("good/clip.mp4"), tmp_path / "work", replace(POLICY, licence=None), QUICK)
    assert list((tmp_path / "work").iterdir()) == []


def test_part_of_an_earlier_try_is_resumed(
    site: Callable[..., Source], bad_site: Any, clip_bytes: bytes, tmp_path: Path
) -> None:
    source = site("flaky/a.mp4")
    with pytest.raises(errors.NetworkFailed):
        download(source, tmp_path, POLICY, replace(QUICK, retries=0))
    (part,) = tmp_path.iterdir()
    assert part.suffix == ".part"
    size = part.stat().st_size
    got = download(source, tmp_path, POLICY, QUICK)
    assert got.path.read_bytes() == clip_bytes
    assert 0 < size <= len(clip_bytes) // 2
    assert f"bytes={size}-" in {wanted for _, _, path, wanted in bad_site.asked if "flaky" in path}
    assert got.verdict.licence.startswith("vouched")
    assert got.provenance["extractor_key"] == "Generic"


def test_hostile_title_is_only_words(site: Callable[..., Source], clip_bytes: bytes, tmp_path: Path) -> None:
    source = site("titled/page.html", "127.0.0.7")
    got = download(source, tmp_path / "work", POLICY, QUICK)
    assert got.path == tmp_path / "work" / f"{source.item_id}.mp4"
    assert got.path.read_bytes() == clip_bytes
    assert got.title is not None
    assert "pwn" in got.title
    assert got.title.isprintable()
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_page_without_end(site: Callable[..., Source], tmp_path: Path) -> None:
    with pytest.raises(errors.TooLarge, match="64 MB"):
        download(site("pages/x.html"), tmp_path, POLICY, QUICK)
    (endless,) = look_up_list(replace(site("pages/feed"), max_entries=3), LOOKUP)
    assert isinstance(endless.problem, errors.TooLarge)


def test_list_cannot_open_the_users_network(site: Callable[..., Source]) -> None:
    feed = site("feed/2.rss", "127.0.0.4")
    (entry,) = look_up_list(replace(feed, max_entries=1), LOOKUP)
    assert entry.host == "127.0.0.1"
    assert ({host for host, _ in feed.private_origins}, entry.private_origins) == ({"127.0.0.4"}, frozenset())


def test_playlist_of_100_000_is_bounded(site: Callable[..., Source]) -> None:
    feed = replace(site("feed/100000.rss"), max_entries=3, tags=("dance",))
    found = look_up_list(feed, LOOKUP)
    assert [source.address for source in found] == [f"http://127.0.0.1/v/{i}.mp4" for i in range(3)]
    assert {(source.tags, source.max_entries, source.problem) for source in found} == {(("dance",), None, None)}


def test_list_that_cannot_be_read_keeps_its_problem(site: Callable[..., Source]) -> None:
    (broken,) = look_up_list(replace(site("gone/list"), max_entries=3), LOOKUP)
    assert isinstance(broken.problem, errors.SourceGone)


def _folder(tmp_path: Path, **files: bytes) -> Path:
    folder = tmp_path / "www"
    folder.mkdir()
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def _playlist(*segments: str) -> bytes:
    lines = "".join(f"#EXTINF:1.0,\n{segment}\n" for segment in segments)
    return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n{lines}#EXT-X-ENDLIST\n".encode()


def _variants(*sizes: str) -> bytes:
    lines = "".join(
        f"#EXT-X-STREAM-INF:BANDWIDTH={10**5 * i},RESOLUTION={size}\nv{i}.m3u8\n" for i, size in enumerate(sizes, 1)
    )
    return f"#EXTM3U\n{lines}".encode()


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [
        (("1920x1080",), 1), (("1080x1920",), 1), (("640x360", "1280x720", "1920x1080"), 2),
        (("1920x1080", "3840x2160"), 1), (("540x960", "720x1280"), 2),
    ],
)  # fmt: skip
def test_the_format_nearest_to_720_lines_is_taken(
    clip: Callable[..., Path], served: Callable[..., str], tmp_path: Path, sizes: tuple[str, ...], taken: int
) -> None:
    stream = clip("hls.ts", "-c:v", "libx264").read_bytes()
    files = {f"v{i}__m3u8": _playlist(f"s{i}.ts") for i in range(1, 4)} | {
        f"s{i}__ts": stream + bytes([0x47, 0x1F, 0xFF, 0x10]) * 0 for i in range(1, 4)
    }
    address = served(_folder(tmp_path, master__m3u8=_variants(*sizes), **files)) + "/master.m3u8"
    got = download(expand([address])[0], tmp_path / "work", POLICY, QUICK)
    assert f"{got.provenance['width']}x{got.provenance['height']}" == sizes[taken - 1]
    assert got.path.read_bytes() == stream


def test_a_host_that_has_it_too_large_only(served: Callable[..., str], tmp_path: Path) -> None:
    address = (
        served(_folder(tmp_path, master__m3u8=_variants("7680x4320"), v1__m3u8=_playlist("s1.ts"))) + "/master.m3u8"
    )
    with pytest.raises(errors.TooManyPixels, match="7680 x 4320"):
        download(expand([address])[0], tmp_path / "work", POLICY, QUICK)


@pytest.mark.parametrize(
    "elsewhere", ["http://127.0.0.77:1/s.ts", "http://169.254.169.254/s.ts", "file:///etc/hostname"]
)
def test_a_playlist_that_leads_elsewhere_is_refused(
    served: Callable[..., str], tmp_path: Path, clip: Callable[..., Path], elsewhere: str
) -> None:
    stream = clip("hls.ts", "-c:v", "libx264").read_bytes()
    address = served(_folder(tmp_path, list__m3u8=_playlist("s1.ts", elsewhere), s1__ts=stream)) + "/list.m3u8"
    with pytest.raises(errors.HarvestError) as caught:
        download(expand([address])[0], tmp_path / "work", POLICY, QUICK)
    assert type(caught.value) is (errors.AddressRefused if elsewhere.startswith("http") else errors.SiteUnsupported)


@pytest.mark.parametrize("protocol", ["rtmp", "rtsp", "mms", "websocket_frag", "f4m", "mhtml"])
def test_no_other_program_fetches(tmp_path: Path, protocol: str) -> None:
    with Site({"quiet": True, "noprogress": True}, "x") as site, pytest.raises(errors.SiteUnsupported, match=protocol):
        site.dl(str(tmp_path / "x"), {"protocol": protocol, "url": f"{protocol}://127.0.0.1/x"})
