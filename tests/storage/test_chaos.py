"""Machines that are killed and stopped, a database and a store that go away, ten that begin at once: the small form of
scripts/chaos.py, whose full form docs/log/storage.md tells of."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_all_films_are_labelled_once_whatever_fails(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "scripts" / "chaos.py", "--small", "--seed", "2", "--out", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
    ten, faults = (json.loads(line) for line in (tmp_path / "parts.jsonl").read_text().splitlines())
    assert set(ten["exit_codes"].values()) == {0}
    assert faults["exit_codes"] == {"killed": -9, "stopped": 0, "third": 0, "fourth": 0}
    assert len(faults["faults"]) == 7, "each fault came, and three of them passed"
    again = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert again.stdout.count("passed before") == 2
