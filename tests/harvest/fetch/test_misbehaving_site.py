"""A site that behaves badly on purpose, each kind on a loopback address of its own, through the real yt-dlp."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harvest import errors
from harvest.fetch.download import DownloadConfig, download
from harvest.fetch.policy import Policy
from harvest.fetch.resolve import Lookup, read_list
from harvest.sources.expand import Source

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
    (endless,) = read_list(replace(site("pages/feed"), max_entries=3), LOOKUP)
    assert isinstance(endless.problem, errors.TooLarge)


def test_list_cannot_open_the_users_network(site: Callable[..., Source]) -> None:
    feed = site("feed/2.rss", "127.0.0.4")
    (entry,) = read_list(replace(feed, max_entries=1), LOOKUP)
    assert entry.host == "127.0.0.1"
    assert (feed.private_hosts, entry.private_hosts) == ({"127.0.0.4"}, frozenset())


def test_playlist_of_100_000_is_bounded(site: Callable[..., Source]) -> None:
    feed = replace(site("feed/100000.rss"), max_entries=3, tags=("dance",))
    found = read_list(feed, LOOKUP)
    assert [source.address for source in found] == [f"http://127.0.0.1/v/{i}.mp4" for i in range(3)]
    assert {(source.tags, source.max_entries, source.problem) for source in found} == {(("dance",), None, None)}


def test_list_that_cannot_be_read_keeps_its_problem(site: Callable[..., Source]) -> None:
    (broken,) = read_list(replace(site("gone/list"), max_entries=3), LOOKUP)
    assert isinstance(broken.problem, errors.SourceGone)
