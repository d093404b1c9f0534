"""`hmmr harvest` as it is typed: exit codes, the JSON line, the books."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli.harvest import app
from cli.harvest_options import HarvestOptions
from harvest.config import HarvestConfig

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
        (["--interval-s", "inf"], "86400"),
        (["--per-day", "9" * 20], "1000000000"),
        (["--scores", "sure"], "neither raw nor calibrated"),
        (["--scores", "calibrated"], "fit_calibration.py FILMS --backend truth"),
    ],
)
def test_wrong_options_are_explained(tmp_path: Path, offline: list[str], option: list[str], says: str) -> None:
    result = CliRunner().invoke(app, ["run", str(tmp_path), *offline, *option])
    assert result.exit_code != 0
    assert says in result.stderr


def test_run_and_retry_take_the_same_options() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    shared = {each.name for each in fields(HarvestOptions)}
    for command, own in (("run", {"sources"}), ("retry", {"reason"})):
        assert {each.name for each in commands[command].params} == shared | own
        assert "every request" in CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout


def test_options_reach_the_settings(tmp_path: Path) -> None:
    wishes = tmp_path / "wishes.txt"
    wishes.write_text("host example.org\n")
    config = HarvestOptions(
        contact="a@example.org", interval_s=3.0, per_day=7, opt_out=wishes, licence="open", max_fps=12, detect_every=2,
        preset="hmmr_2019", phi=["keypoints"], apart_from=["test"], limit=9,
        smoothing=0.08, scores="calibrated",
    ).config()  # fmt: skip
    assert (config.download.contact, config.pace.interval_s, config.pace.per_day) == ("a@example.org", 3.0, 7)
    assert config.policy.licence == "open"
    assert config.policy.opt_out.match(url="http://example.org/x", host="example.org")
    assert (float(config.label.decode.max_fps), config.label.people.detect_every) == (12.0, 2)
    assert (config.label.preset.name, config.phis, config.apart_from, config.limit) == (
        "hmmr_2019", ("keypoints",), ("test",), 9,
    )  # fmt: skip
    assert config.label.smoothing is not None
    assert (config.label.smoothing.sigma_s, config.label.scores) == (0.08, "calibrated")
    assert HarvestOptions().config() == HarvestConfig(retry_failed=True)
