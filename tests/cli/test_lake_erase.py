"""`hmmr lake erase` asks before it erases, and erases what was meant."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from storage.example_rows import shard, source_name, video_row
from storage.lake import Lake
from storage.ledger.items import Item
from storage.ledger.ledger import Ledger
from storage.tables import rows_to_table

SOURCES = [source_name(i) for i in range(3)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    for name, table in shard(SOURCES).items():
        lake.append(name, table)
    return lake


def left(lake: Lake) -> list[str]:
    return sorted(set(lake.read("videos", ["source_id"])["source_id"].to_pylist()))


def answer(monkeypatch: pytest.MonkeyPatch, typed: bytes) -> None:
    """A person at a terminal who types this."""
    ours, theirs = os.openpty()
    os.write(ours, typed)
    monkeypatch.setattr("sys.stdin", os.fdopen(theirs))


@pytest.mark.parametrize("piped", ["", "n\n", "y\n"])
def test_a_pipe_is_no_word_to_erase(lake: Lake, piped: str) -> None:
    result = CliRunner().invoke(app, ["lake", "erase", *SOURCES[:2], "--lake", lake.root], input=piped)
    assert result.exit_code == 2
    assert "error: this erases 2 sources for good; say --yes" in result.output
    assert left(lake) == sorted(SOURCES)


@pytest.mark.parametrize(("typed", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_a_person_is_asked(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: bytes, code: int
) -> None:
    answer(monkeypatch, typed)
    with pytest.raises(SystemExit) as end:
        app(["lake", "erase", SOURCES[0], "--lake", lake.root])
    assert end.value.code == code
    assert f"{SOURCES[0]}  https://films.test/{SOURCES[0][:8]}.mp4  1.2 s" in capsys.readouterr().err
    assert left(lake) == sorted(SOURCES[1:] if code == 0 else SOURCES)


@pytest.fixture
def clips(tmp_path: Path) -> tuple[Lake, Path, Path]:
    """A lake of da/clip.mp4 and db/clip.mp4, whose contents differ, as they are harvested."""
    lake, ledger, files = Lake(tmp_path / "lake"), Ledger.open(tmp_path / "lake"), []
    for folder in ("da", "db"):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / "clip.mp4")
        files[-1].write_bytes(folder.encode())
        item = content(files[-1])
        ledger.ask([Item(item, "local", "clip.mp4")])
        row = video_row(item, url="clip.mp4", host="local", content_sha256=item)
        lake.append("videos", rows_to_table("videos", [row]))
    ledger.close()
    return lake, files[0], files[1]


def content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def erase(lake: Lake, name: str | Path) -> Any:
    return CliRunner().invoke(app, ["lake", "erase", str(name), "--lake", lake.root, "--yes"])


def test_a_name_of_two_contents_is_refused(clips: tuple[Lake, Path, Path]) -> None:
    lake, first, second = clips
    result = erase(lake, "clip.mp4")
    assert result.exit_code == 2
    assert "2 sources are called clip.mp4; say which by its id:" in result.output
    for path in (first, second):
        assert f"{content(path)}  clip.mp4  1.2 s" in result.output
    assert left(lake) == sorted([content(first), content(second)])


def test_a_file_goes_by_its_content_and_its_namesake_stays(clips: tuple[Lake, Path, Path]) -> None:
    lake, first, second = clips
    assert erase(lake, first).exit_code == 0
    assert left(lake) == [content(second)]
    ledger = Ledger.open(lake.root)
    third = Item("0" * 64, "local", "clip.mp4")
    assert ledger.ask([third]) == 1, "another film of that name may be harvested"
    assert ledger.ask([Item(content(first), "local", "clip.mp4")]) == 0
    states = {entry.item.item_id: (entry.state, entry.item.url) for entry in ledger.entries()}
    assert states[content(second)] == ("pending", "clip.mp4")
    assert content(first) not in states
    ledger.close()


def test_a_file_of_another_content_erases_nothing(clips: tuple[Lake, Path, Path], tmp_path: Path) -> None:
    lake, first, second = clips
    (tmp_path / "dc").mkdir()
    other = tmp_path / "dc" / "clip.mp4"
    other.write_bytes(b"dc")
    result = erase(lake, other)
    assert result.exit_code == 2
    assert "the lake has other contents of that name; say which by its id:" in result.output
    assert left(lake) == sorted([content(first), content(second)])


def test_a_name_that_one_source_has_will_do(clips: tuple[Lake, Path, Path]) -> None:
    lake, first, _ = clips
    assert erase(lake, content(first)).exit_code == 0
    assert erase(lake, "clip.mp4").exit_code == 0
    assert left(lake) == []
