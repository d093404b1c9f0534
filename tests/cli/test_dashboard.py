from pathlib import Path

from typer.testing import CliRunner

from cli.main import app
from storage.lake import Lake


def test_export_writes_one_page(tmp_path: Path) -> None:
    Lake(tmp_path / "lake")
    out = tmp_path / "page.html"
    result = CliRunner().invoke(app, ["dashboard", "--lake", str(tmp_path / "lake"), "--export", str(out)])
    assert result.exit_code == 0, result.output
    assert out.read_text().startswith("<!DOCTYPE html>")


def test_no_lake_is_an_error_that_names_it(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["dashboard", "--lake", str(tmp_path / "none"), "--export", str(tmp_path / "x")])
    assert result.exit_code == 2
    assert "no lake at" in result.output
    assert not (tmp_path / "none").exists()
