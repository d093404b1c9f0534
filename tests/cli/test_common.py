"""What all commands share: errors told in one way, plain text, devices, Ctrl-C."""

import importlib.metadata
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.common import UserError, plain, require_device
from cli.main import app
from harvest.errors import DecodeFailed
from storage.errors import NoSuchLake


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("clip.mp4: no such file"), "error: clip.mp4: no such file"),
        (NoSuchLake("no lake at x"), "error: no lake at x"),
        (DecodeFailed("a\x1b[2J.mp4", "is empty"), "error: a\\u001b[2J.mp4"),
        (FileNotFoundError(2, "No such file or directory", "rows.csv"), "error: rows.csv: no such file or directory"),
        (FileExistsError(17, "File exists", "out"), "error: out: a file of that name is in the way"),
    ],
)
def test_a_users_error_is_one_line_and_exit_code_2(
    error: Exception, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluation.study.table.read_csv", lambda path: _raise(error))
    result = CliRunner().invoke(app, ["study", "fit", "rows.csv"])
    assert result.exit_code == 2
    assert result.stdout == ""
    (told,) = result.stderr.splitlines()
    assert told.startswith(line)


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluation.study.table.read_csv", lambda path: _raise(KeyError("seed")))
    result = CliRunner().invoke(app, ["study", "fit", "rows.csv"])
    assert isinstance(result.exception, KeyError)


@pytest.mark.parametrize(
    ("words", "line", "where"),
    [
        (["train", "--out", "x"], "error: Missing option '--labelled'", "train"),
        (["lake", "stats", "--nonsense"], "error: No such option: --nonsense", "lake stats"),
        (["harvest", "run", "x", "--workers", "0"], "error: Invalid value for '--workers'", "harvest run"),
    ],
)
def test_a_mistyped_command_has_the_same_prefix_and_code(words: list[str], line: str, where: str) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    first, second = result.stderr.splitlines()
    assert first.startswith(line)
    assert second.endswith(f"{where} --help explains it")


def test_version_is_the_installed_one() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"hmmr {importlib.metadata.version('hmmr-harvest')}\n")


@pytest.mark.parametrize("words", [["--quiet", "study", "fit", "x"], ["study", "fit", "x", "--quiet"]])
def test_quiet_may_stand_anywhere(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMMR_PROGRESS", "on")
    assert "x: no such file" in CliRunner().invoke(app, words).stderr
    assert os.environ["HMMR_PROGRESS"] == "off"


def test_ctrl_c_promises_that_the_work_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("harvest.run.harvest", lambda *of: _raise(KeyboardInterrupt()))
    result = CliRunner().invoke(app, ["harvest", "run", "https://x.test/x.mp4", "--lake", str(tmp_path / "lake")])
    assert result.exit_code == 130
    assert "stopped; what was finished is in the lake" in result.stderr


def _raise(error: BaseException) -> NoReturn:
    raise error


@given(st.text())
def test_nothing_is_left_that_a_terminal_acts_on(text: str) -> None:
    assert all(c.isprintable() or c == "\n" for c in plain(text))


def test_words_of_any_language_stay() -> None:
    assert plain("Übung 体操\n\x1b[2J\x9b\u2028") == "Übung 体操\n\\u001b[2J\\u009b\\u2028"


COMMANDS = {
    "predict": "clip.mp4 --checkpoint model.pt --out out",
    "evaluate": "--protocol open-v1 --checkpoint model.pt --data films:lake",
    "train": "--labelled lake --out out",
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("device", ["cuda:99", "gpu", "meta"])
def test_a_device_that_is_not_there_is_said_in_a_line(
    command: str, device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_text("never read")
    result = CliRunner().invoke(app, [command, *COMMANDS[command].split(), "--device", device])
    assert result.exit_code == 2
    (line,) = result.output.strip().splitlines()
    assert line.startswith(f"error: device {device}: ")
    assert "--device cpu" in line
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_the_cpu_is_always_there() -> None:
    require_device("cpu")


SCRIPT = """
import subprocess, sys, time
from cli.common import leave_on_interrupt
leave_on_interrupt("stopped; run it again")
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def test_interrupt_leaves_at_once_and_takes_the_children_along() -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert run.stdout is not None
    child = int(run.stdout.readline())
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "stopped; run it again" in said
    end = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "\nState:\tZ" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < end, "the child lives on"
        time.sleep(0.05)
