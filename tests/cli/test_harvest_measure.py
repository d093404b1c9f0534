"""`hmmr harvest measure` on the command line."""

from pathlib import Path

from typer.testing import CliRunner

from cli.main import app


def test_an_unknown_part_is_named_with_those_that_exist(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["harvest", "measure", "--out", str(tmp_path), "--part", "colours"])
    assert result.exit_code == 2
    assert "colours" in result.output
    assert "tracking" in result.output
    assert not list(tmp_path.iterdir())


def test_real_video_is_measured_only_with_its_folder(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["harvest", "measure", "--out", str(tmp_path), "--part", "real"])
    assert result.exit_code == 2
    assert "--real" in result.output
    assert not list(tmp_path.iterdir())
