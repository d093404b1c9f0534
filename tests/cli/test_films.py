import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from openworld import worlds
from openworld.worlds import SplitConfig, WorldConfig


def test_films_are_made_and_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = WorldConfig((SplitConfig("dev", 2, seconds=(0.2, 0.2)),), width=96, height=72)
    monkeypatch.setattr(worlds, "quickstart_world", lambda seed: tiny)
    made = CliRunner().invoke(app, ["films", "make", "--out", str(tmp_path / "films"), "--processes", "1"])
    assert made.exit_code == 0, made.output
    assert "2 films" in made.output
    first = CliRunner().invoke(app, ["films", "make", "--out", str(tmp_path / "one"), "--count", "1"])
    assert "1 films" in first.output
    (film,) = (tmp_path / "one" / "dev").glob("*.mp4")
    assert film.read_bytes() == (tmp_path / "films" / "dev" / film.name).read_bytes()
    looked = CliRunner().invoke(
        app, ["films", "look", str(tmp_path / "films"), "--picture", str(tmp_path / "sheet.png")]
    )
    assert looked.exit_code == 0, looked.output
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_a_preset_that_does_not_exist_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["films", "make", "--out", str(tmp_path), "--preset", "huge"])
    assert result.exit_code == 2
    assert "quickstart" in result.output
    assert not os.listdir(tmp_path)


def test_a_folder_without_films_says_how_to_make_some(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["films", "look", str(tmp_path)])
    assert result.exit_code == 2
    assert "makes some" in result.output
    assert not os.listdir(tmp_path)
