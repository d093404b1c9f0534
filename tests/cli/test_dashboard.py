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


def test_what_cannot_be_written_or_read_is_one_line(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    (tmp_path / "file").write_text("x")

    def run(out: Path) -> str:
        result = CliRunner().invoke(app, ["dashboard", "--lake", lake.root, "--export", str(out)])
        assert result.exit_code == 2
        assert isinstance(result.exception, SystemExit)
        return result.output

    assert f"error: {tmp_path}: is a directory" in run(tmp_path)
    assert f"error: {tmp_path / 'file'}: " in run(tmp_path / "file" / "x.html")
    (tmp_path / "lake" / "ledger.sqlite").write_bytes(b"hello" * 1000)
    assert "is no ledger" in run(tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()


def test_half_a_character_in_a_title_is_a_question_mark(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    words = ["dashboard", "--lake", lake.root, "--export", str(tmp_path / "x.html"), "--title", "a\udcffb"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert "<h1>a?b</h1>" in (tmp_path / "x.html").read_text()
