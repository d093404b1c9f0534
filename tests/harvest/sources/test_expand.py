"""What the user names becomes items, each once."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvest.errors import Unreadable
from harvest.sources.expand import Source, expand, fair_order


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name, content in (("a.mp4", b"a"), ("in/b.WEBM", b"b"), ("in/again.mp4", b"a"), ("notes.md", b"n")):
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_folder_holds_its_videos_once(clips: Path) -> None:
    found = expand([str(clips), clips / "a.mp4"])
    assert sorted(source.name for source in found) == ["a.mp4", "b.WEBM"]
    assert all(source.problem is None and source.host == "local" for source in found)


def test_list_with_a_duplicate(clips: Path) -> None:
    (clips / "list.txt").write_text("# two\nhttp://Example.org/x\n\nhttp://example.org:80/x#y\na.mp4\nin/again.mp4\n")
    found = expand([clips / "list.txt"])
    assert [source.address for source in found] == ["http://example.org/x", str(clips / "a.mp4")]


def test_yaml_gives_licence_tags_limits_sections(clips: Path) -> None:
    (clips / "list.yaml").write_text("""
defaults: {licence: open, tags: [film], max_seconds: 60}
sources:
  - http://example.org/x
  - {url: "http://example.org/y", tags: [dance], licence: closed, sections: [[1, 2.5]], max_bytes: 10}
  - {file: in}
""")
    x, y, *files = expand([clips / "list.yaml"])
    assert (x.licence, x.tags, x.max_seconds) == ("open", ("film",), 60)
    assert (y.licence, y.tags, y.sections_s, y.max_bytes) == ("closed", ("film", "dance"), ((1.0, 2.5),), 10)
    assert sorted(file.name for file in files) == ["again.mp4", "b.WEBM"]
    assert {file.licence for file in files} == {"open"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sources: [{url: http://x.org, licenze: open}]", "licenze"),
        ("sources: [{url: http://x.org, licence: mine}]", "open or closed"),
        ("sources: [{url: http://x.org, sections: [[5, 2]]}]", "start < end"),
        ("sources: [{url: http://x.org, sections: [5]}]", "entry 1: sections: a section is [start, end] in seconds"),
        ("sources: [{url: http://x.org, sections: 5}]", "sections: [[10, 25.5]]"),
        ("sources: [{url: http://x.org, sections: [[1, 2, 3]]}]", "not [1, 2, 3]"),
        ("sources: [{tags: [a]}]", "exactly one of"),
        ("sources: [{url: http://x.org, max_seconds: 0}]", "above 0"),
        ("sources: [{url: http://x.org, weight: -1}]", "above 0"),
        ("sources: [{url: http://x.org, weight: .nan}]", "above 0"),
        ("sources: [{url: http://x.org, max_bytes: .inf}]", "entry 1"),
        ("sources: [{url: {a: b}}]", "url must be text"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nsources: [{url: http://x.org, tags: [*b]}]", "a tag must be text"),
        ("{defaults: [1], sources: []}", "defaults"),
        ("sources: [3]", "entry 1"),
        ("just text", "sources:"),
        ("[1", "parsed"),
    ],
)
def test_bad_list_is_an_item_that_says_why(clips: Path, text: str, says: str) -> None:
    (clips / "bad.yaml").write_text(text)
    good, bad = expand([clips / "a.mp4", clips / "bad.yaml"])
    assert good.problem is None
    assert isinstance(bad.problem, Unreadable)
    assert says in str(bad.problem)
    assert "bad.yaml" in str(bad.problem)


def test_list_that_names_itself_ends(clips: Path) -> None:
    (clips / "ring.txt").write_text("ring.txt\na.mp4\n")
    found = expand([clips / "ring.txt"])
    assert any(source.problem and "deeper" in source.problem.message for source in found)
    assert any(source.name == "a.mp4" and source.problem is None for source in found)


def test_missing_file_and_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    missing, empty = expand([tmp_path / "no.mp4", tmp_path / "empty"])
    assert missing.problem is not None
    assert "no such file" in missing.problem.message
    assert empty.problem is not None
    assert "no video file" in empty.problem.message


def test_unreadable_folder_as_another_user(clips: Path) -> None:
    if os.geteuid() == 0:
        _as_nobody(clips)
        return
    (clips / "in").chmod(0)
    broken = [source for source in expand([clips]) if source.problem]
    (clips / "in").chmod(0o755)
    assert "may not be read" in str(broken[0].problem)


def _as_nobody(clips: Path) -> None:
    """Root reads everything, so the test goes on as user 65534 in a child process."""
    for folder in (clips, *clips.parents):
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    (clips / "in").chmod(0o700)
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        found = expand([clips / "a.mp4", clips / "in"])
        right = found[0].problem is None and "may not be read" in str(found[1].problem)
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_bad_address_is_an_item(tmp_path: Path) -> None:
    (bad,) = expand(["file:///etc/passwd"])
    assert bad.problem is not None
    assert "http" in bad.problem.message


def test_search_words_and_s3(tmp_path: Path) -> None:
    search, one, prefix, bad = expand(["ytsearch50:free  running", "s3://films/a.mp4", "s3://films/2024/", "s3://No_/"])
    assert (search.address, search.max_entries, search.is_url) == ("search://free running", 50, False)
    assert (one.max_entries, one.is_s3, one.host) == (None, True, "s3:films")
    assert prefix.max_entries == 10_000
    assert bad.problem is not None
    assert "bucket" in bad.problem.message


def test_weights_and_pots(clips: Path) -> None:
    (clips / "inner.txt").write_text("http://x.org/1\nhttp://x.org/2\n")
    (clips / "list.yaml").write_text("""
defaults: {weight: 2}
sources:
  - http://x.org/a
  - {file: in, weight: 5}
  - {file: inner.txt, weight: 3}
""")
    a, *rest = expand([clips / "list.yaml"])
    assert (a.weight, a.pot) == (2, "")
    assert [(source.weight, source.pot.rsplit("/", 1)[-1]) for source in rest] == [
        (5, "in"), (5, "in"), (3, "inner.txt"), (3, "inner.txt")
    ]  # fmt: skip


def test_what_has_no_end_is_not_read(clips: Path) -> None:
    os.mkfifo(clips / "pipe.mp4")
    (clips / "ring.mp4").symlink_to(clips / "ring.mp4")
    (clips / "up").symlink_to(clips)
    found = {Path(source.address).name: source.problem for source in expand([clips, "/dev/zero"])}
    assert found["pipe.mp4"] is not None
    assert found["zero"] is not None
    assert found["ring.mp4"] is not None
    assert found["a.mp4"] is None
    assert len(found) == 5


def _pot(name: str, weight: float, count: int) -> list[Source]:
    return [Source(f"{name}{i}", f"http://x/{name}{i}", True, weight=weight, pot=name) for i in range(count)]


def test_three_to_one() -> None:
    order = fair_order(_pot("a", 1, 40) + _pot("b", 3, 40))
    assert [sum(source.pot == "b" for source in order[:n]) for n in (4, 8, 20)] == [3, 6, 15]


def test_without_weights_single_videos_keep_their_order() -> None:
    singles = [Source(str(i), f"http://x/{i}", True) for i in range(50)]
    assert fair_order(singles) == singles


@given(st.lists(st.tuples(st.floats(0.1, 10), st.integers(1, 30)), min_size=1, max_size=6), st.integers(1, 60))
def test_every_beginning_is_fair(pots: list[tuple[float, int]], first: int) -> None:
    sources = [source for i, (weight, count) in enumerate(pots) for source in _pot(f"{i}-", weight, count)]
    order = fair_order(sources)
    assert sorted(source.item_id for source in order) == sorted(source.item_id for source in sources)
    for name in {source.pot for source in sources}:
        assert [s for s in order if s.pot == name] == [s for s in sources if s.pot == name]
    taken = {f"{i}-": sum(source.pot == f"{i}-" for source in order[:first]) for i in range(len(pots))}
    for i, (weight, count) in enumerate(pots):
        for j, (other, _) in enumerate(pots):
            # a pot that still has videos is behind no other by more than one video of that other
            if taken[f"{i}-"] < count:
                assert taken[f"{j}-"] / other <= (taken[f"{i}-"] + 1) / weight + 1e-9


def test_a_folder_is_searched_by_content(clip: Callable[..., Path], tmp_path: Path) -> None:
    kinds: dict[str, tuple[str, ...]] = {
        "a.dv": ("-s", "720x576", "-r", "25"), "b.asf": ("-c:v", "wmv2"), "c.3g2": ("-c:v", "h263", "-s", "176x144"),
        "d.qt": ("-c:v", "mpeg4", "-f", "mov"), "e.f4v": ("-c:v", "libx264"), "f.gif": (), "g.MP4": ("-c:v", "libx264"),
        "h.y4m": (), "i.ivf": ("-c:v", "libvpx"), "j.divx": ("-f", "avi", "-c:v", "mpeg4"), "k.tts": ("-f", "mpegts"),
        "nameless": ("-f", "matroska", "-c:v", "libx264"),
    }  # fmt: skip
    for name, options in kinds.items():
        shutil.copy(clip(name, *options), tmp_path / name)
    for name, content in (("p.jpg", b"\xff\xd8\xff\xe0"), ("notes.md", b"n"), ("song.ogg", b"OggS"), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
    found = expand([tmp_path])
    assert sorted(source.name for source in found) == sorted(kinds)
    for name in ("p.jpg", "notes.md"):
        other = tmp_path / "other"
        other.mkdir(exist_ok=True)
        (tmp_path / name).rename(other / name)
    (none,) = expand([other])
    assert "2 other files, 1 of them photographs (`hmmr predict` takes those)" in str(none.problem)


def test_a_photograph_points_to_predict(tmp_path: Path) -> None:
    photo = tmp_path / "photo.mp4"
    photo.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (source,) = expand([photo])
    assert "hmmr predict" in str(source.problem)
