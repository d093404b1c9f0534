"""`hmmr harvest` as it is typed: exit codes, the JSON line, the books."""

import json
import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli.harvest import HarvestOptions
from cli.harvest import app as harvest_app
from cli.main import app
from harvest.config import HarvestConfig
from harvest.status import SHOWN

KEYS = {"asked", "done", "rejected", "failed", "pending", "erased", "tracklets", "frames", "hours", "reasons"}


@pytest.fixture
def offline(tmp_path: Path) -> list[str]:
    """Options that need no network weights."""
    films = ["--backend", "truth", "--truth-films", str(tmp_path), "--phi", "keypoints"]
    return ["--lake", str(tmp_path / "lake"), *films]


def listed(folder: Path, *names: str | Path) -> str:
    """A source list: what it names is entered, whatever it is; a typed word that names nothing is refused."""
    path = folder / "sources.txt"
    path.write_text("\n".join(map(str, names)))
    return str(path)


def test_failure_is_named_and_ends_non_zero(tmp_path: Path, offline: list[str]) -> None:
    result = CliRunner().invoke(
        app, ["harvest", "run", listed(tmp_path, tmp_path / "no.mp4", "ftp://x/y"), *offline, "--json"]
    )
    assert result.exit_code == 1
    books = json.loads(result.stdout.splitlines()[-1])
    assert set(books) >= KEYS
    assert (books["asked"], books["failed"], books["reasons"]) == (2, 2, {"unreadable": 2})
    assert "no.mp4" in result.stderr
    assert "no such file" in result.stderr
    assert "http" in result.stderr


def test_status_and_retry(tmp_path: Path, offline: list[str]) -> None:
    runner = CliRunner()
    runner.invoke(app, ["harvest", "run", listed(tmp_path, tmp_path / "no.mp4"), *offline])
    lake = offline[:2]
    status = runner.invoke(app, ["harvest", "status", *lake, "--json"])
    assert json.loads(status.stdout)["reasons"] == {"unreadable": 1}
    assert "failed 1" in runner.invoke(app, ["harvest", "status", *lake]).stdout
    assert runner.invoke(app, ["harvest", "status", "--lake", str(tmp_path / "none")]).exit_code == 2


def test_status_names_what_failed_and_what_to_do(tmp_path: Path, offline: list[str]) -> None:
    runner, lake = CliRunner(), offline[:2]
    absent = [str(tmp_path / f"no {i:02}.mp4") for i in range(SHOWN + 3)]
    runner.invoke(
        app, ["harvest", "run", listed(tmp_path, *absent[:2], "https://127.0.0.1/x.mp4", "ftp://x/y"), *offline]
    )
    said = runner.invoke(app, ["harvest", "status", *lake]).stdout.splitlines()
    assert f"failed (unreadable): no 00.mp4: no such file or folder: {absent[0]}" in said
    assert any(line.startswith("rejected (") and "127.0.0.1" in line for line in said)
    assert f"to try what failed again: hmmr harvest retry {' '.join(lake)}" in said
    assert "failed (unreadable): ftp://x/y: not an http or https address" in said
    erase = next(line for line in said if "hmmr lake erase" in line)
    assert "'no 00.mp4' --yes" in erase or "'no 01.mp4' --yes" in erase
    items = json.loads(runner.invoke(app, ["harvest", "status", *lake, "--json"]).stdout)["items"]
    assert {(i["name"], i["class"]) for i in items} >= {("no 00.mp4", "unreadable"), ("no 01.mp4", "unreadable")}
    runner.invoke(app, ["harvest", "run", listed(tmp_path, *absent), *offline])
    said = runner.invoke(app, ["harvest", "status", *lake]).stdout.splitlines()
    assert "... and 5 more; --json has all" in said


def test_the_erasure_that_status_names_takes_the_wrong_name_out(tmp_path: Path, offline: list[str]) -> None:
    runner, lake = CliRunner(), offline[:2]
    runner.invoke(app, ["harvest", "run", listed(tmp_path, tmp_path / "wrong name.mp4"), *offline])
    said = runner.invoke(app, ["harvest", "status", *lake]).stdout
    (typed,) = re.findall(r"hmmr (lake erase .*) \(", said)
    assert runner.invoke(app, shlex.split(typed)).exit_code == 0
    assert runner.invoke(app, ["harvest", "status", *lake]).stdout.split()[:12] == (
        ["asked", "1", "done", "0", "rejected", "0", "failed", "0", "pending", "0", "erased", "1"]
    )


def test_why_a_file_failed_is_kept_and_told_again(tmp_path: Path, offline: list[str]) -> None:
    (tmp_path / "a.mp4").write_text("not a video")
    run = ["harvest", "run", str(tmp_path / "a.mp4"), *offline]
    first = next(line for line in CliRunner().invoke(app, run).stderr.splitlines() if line.startswith("failed"))
    assert "is not a video that ffmpeg can read" in first
    assert first in CliRunner().invoke(app, ["harvest", "status", *offline[:2]]).stdout.splitlines()


def test_no_erasure_is_named_where_it_would_take_another_item_with_it(tmp_path: Path, offline: list[str]) -> None:
    (tmp_path / "right").mkdir()
    (tmp_path / "right" / "a.mp4").write_text("not a video")
    names = [str(tmp_path / folder / "a.mp4") for folder in ("wrong", "right")]
    CliRunner().invoke(app, ["harvest", "run", listed(tmp_path, *names), *offline])
    said = CliRunner().invoke(app, ["harvest", "status", *offline[:2]]).stdout
    assert "wrong/a.mp4" in said
    assert "lake erase" not in said


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--contact", "me\r\nX-Evil: 1"], "one short line"),
        (["--licence", "closed"], "vouched"),
        (["--preset", "mine"], "hmmr_2019"),
        (["--filter", "too_fst=0.1"], "did you mean too_fast"),
        (["--filter", "too_fast"], "a limit is a number, as in too_fast=0.01"),
        (["--filter", "too_fast=nan"], "finite"),
        (["--backend", "eyes"], "eyes"),
        (["--interval-s", "inf"], "86400"),
        (["--per-day", "9" * 20], "1000000000"),
        (["--scores", "sure"], "none of raw, calibrated"),
        (["--scores", "calibrated"], "fit_calibration.py FILMS --backend truth"),
    ],
)
def test_wrong_options_are_explained(tmp_path: Path, offline: list[str], option: list[str], says: str) -> None:
    (tmp_path / "a.mp4").write_text("not a video")
    result = CliRunner().invoke(app, ["harvest", "run", str(tmp_path), *offline, *option])
    assert result.exit_code != 0
    assert says in result.stderr


def test_run_and_retry_take_the_same_options() -> None:
    commands = get_command(harvest_app).commands  # type: ignore[attr-defined]
    shared = {each.name for each in fields(HarvestOptions)}
    for command, own in (("run", {"sources"}), ("retry", {"reason"})):
        assert {each.name for each in commands[command].params} == shared | own
        assert "every request" in CliRunner().invoke(app, ["harvest", command, "--help"], env={"COLUMNS": "200"}).stdout


def test_options_reach_the_settings(tmp_path: Path) -> None:
    wishes = tmp_path / "wishes.txt"
    wishes.write_text("host example.org\n")
    config = HarvestOptions(
        contact="a@example.org", interval_s=3.0, per_day=7, opt_out=wishes, licence="open", max_fps=12, detect_every=2,
        preset="hmmr_2019", phi=["keypoints"], apart_from=["test"], limit=9,
        smoothing=0.08, scores="calibrated", filters=["too_fast=0.01"],
    ).config()  # fmt: skip
    assert (config.download.contact, config.pace.interval_s, config.pace.per_day) == ("a@example.org", 3.0, 7)
    assert config.policy.licence == "open"
    assert config.policy.opt_out.match(url="http://example.org/x", host="example.org")
    assert (float(config.label.decode.max_fps), config.label.people.detect_every) == (12.0, 2)
    assert (config.label.preset.name, config.phis, config.apart_from, config.limit) == (
        "hmmr_2019+too_fast", ("keypoints",), ("test",), 9,
    )  # fmt: skip
    assert config.label.preset.limits == (("too_fast", 0.01),)
    assert config.label.smoothing is not None
    assert (config.label.smoothing.sigma_s, config.label.scores) == (0.08, "calibrated")
    assert HarvestOptions().config() == HarvestConfig(retry_failed=True)


def test_an_unknown_class_is_an_error_that_lists_the_classes(tmp_path: Path, offline: list[str]) -> None:
    runner = CliRunner()
    runner.invoke(app, ["harvest", "run", listed(tmp_path, tmp_path / "no.mp4"), *offline])
    for wrong in ("rate_limitd", "licence_unknown"):
        result = runner.invoke(app, ["harvest", "retry", *offline, "--class", wrong], env={"COLUMNS": "2000"})
        assert result.exit_code == 2
        assert f"nothing fails as {wrong}" in result.stderr
        assert "rate_limited" in result.stderr
    known = runner.invoke(app, ["harvest", "retry", *offline, "--class", "rate_limited"])
    assert known.exit_code == 0
    assert "nothing failed as rate_limited" in known.stderr
