"""SIGKILL at random moments and at named points of a commit: the lake ends as if nothing had happened.

`make trial` does a hundred of these, see scripts/kill_trials.py; here a few with a seed of their own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRIALS = 5 if os.environ.get("CI") == "true" else 2


@pytest.mark.slow
def test_killed_and_run_again_is_as_if_nothing_had_happened(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "scripts" / "kill_trials.py", "--seed=1000", "--out", tmp_path]
    for _ in range(2):  # the second call has nothing left to do
        run = subprocess.run([*command, f"--trials={TRIALS}"], capture_output=True, text=True, cwd=ROOT)
        assert run.returncode == 0, run.stdout + run.stderr
        assert f"{TRIALS} trials, " in run.stdout
    results = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    assert [row["trial"] for row in results] == list(range(TRIALS))
    assert all(row["landed"] for row in results)
