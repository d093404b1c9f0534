"""`hmmr lake erase` asks before it erases, and erases what was meant."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.lake import app
from storage.example_rows import shard, source_name
from storage.lake import Lake

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
    result = CliRunner().invoke(app, ["erase", *SOURCES[:2], "--lake", lake.root], input=piped)
    assert result.exit_code == 2
    assert "error: this erases 2 sources for good; say --yes" in result.output
    assert left(lake) == sorted(SOURCES)


@pytest.mark.parametrize(("typed", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_a_person_is_asked(lake: Lake, monkeypatch: pytest.MonkeyPatch, typed: bytes, code: int) -> None:
    answer(monkeypatch, typed)
    with pytest.raises(SystemExit) as end:
        app(["erase", SOURCES[0], "--lake", lake.root])
    assert end.value.code == code
    assert left(lake) == sorted(SOURCES[1:] if code == 0 else SOURCES)
