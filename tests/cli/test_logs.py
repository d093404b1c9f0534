"""What a run tells while it works, on stderr."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.common import ROOMS, log_to_stderr

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def loggers() -> Iterator[None]:
    """The rooms' loggers as they were, afterwards."""
    before = {room: (logging.getLogger(room).handlers, logging.getLogger(room).propagate) for room in ROOMS}
    yield
    for room, (handlers, propagate) in before.items():
        logger = logging.getLogger(room)
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(logging.NOTSET)


def test_warnings_are_told_and_steps_on_demand(loggers: None, capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(verbose=False, as_json=False)
    logging.getLogger("harvest.label").info("a step")
    logging.getLogger("harvest.label").warning("3 of %d pictures are lost\x1b[31m", 60)
    log_to_stderr(verbose=True, as_json=False)
    logging.getLogger("storage.lake").info("a step")
    assert capsys.readouterr().err == "warning: 3 of 60 pictures are lost\\u001b[31m\ninfo: a step\n"


def test_a_worker_s_lines_come_as_json_with_their_item(clip: Callable[..., Path], tmp_path: Path) -> None:
    """Through the real command: a stream that lost pictures is told of by the worker that decoded it."""
    whole = clip("whole.ts", "-c:v", "libx264", "-bf", "2", "-g", "30", seconds=4).read_bytes()
    (tmp_path / "cut.ts").write_bytes(whole[: 4 * 188] + whole[len(whole) * 2 // 5 // 188 * 188 :])
    command = ["--log-json", "--verbose", "harvest", "run", "cut.ts", "--lake", "lake", "--workers", "1"]
    run = subprocess.run(
        [sys.executable, "-c", f"from cli.main import app; app({command!r})"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stderr.splitlines() if line.startswith("{")]
    by_logger = {line["logger"]: line for line in lines}
    lost = by_logger["harvest.label"]
    assert "pictures could not be decoded" in lost["message"]
    assert lost["level"] == "warning"
    assert lost["item"] == by_logger["harvest.session"]["item"]
    assert len(lost["item"]) == 64
