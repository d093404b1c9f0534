"""`hmmr harvest` as it is typed: exit codes, the JSON line, the books."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.harvest import app

KEYS = {"asked", "done", "rejected", "failed", "pending", "erased", "tracklets", "frames", "hours", "reasons"}


@pytest.fixture
def offline(tmp_path: Path) -> list[str]:
    """Options that need no network weights."""
    films = ["--backend", "truth", "--truth-films", str(tmp_path), "--phi", "keypoints"]
    return ["--lake", str(tmp_path / "lake"), *films]


def test_failure_is_named_and_ends_non_zero(tmp_path: Path, offline: list[str]) -> None:
    result = CliRunner().invoke(app, ["run", str(tmp_path / "no.mp4"), "ftp://x/y", *offline, "--json"])
    assert result.exit_code == 1
    books = json.loads(result.stdout.splitlines()[-1])
    assert set(books) >= KEYS
    assert (books["asked"], books["failed"], books["reasons"]) == (2, 2, {"unreadable": 2})
    assert "no.mp4" in result.stderr
    assert "no such file" in result.stderr
    assert "http" in result.stderr


def test_status_and_retry(tmp_path: Path, offline: list[str]) -> None:
    runner = CliRunner()
    runner.invoke(app, ["run", str(tmp_path / "no.mp4"), *offline])
    lake = offline[:2]
    status = runner.invoke(app, ["status", *lake, "--json"])
    assert json.loads(status.stdout)["reasons"] == {"unreadable": 1}
    assert "failed 1" in runner.invoke(app, ["status", *lake]).stdout
    assert runner.invoke(app, ["status", "--lake", str(tmp_path / "none")]).exit_code == 1


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--contact", "me\r\nX-Evil: 1"], "one short line"),
        (["--licence", "closed"], "vouched"),
        (["--preset", "mine"], "hmmr_2019"),
        (["--backend", "eyes"], "eyes"),
    ],
)
def test_wrong_options_are_explained(tmp_path: Path, offline: list[str], option: list[str], says: str) -> None:
    result = CliRunner().invoke(app, ["run", str(tmp_path), *offline, *option])
    assert result.exit_code != 0
    assert says in result.stderr
