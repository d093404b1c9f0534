"""SIGKILL and Ctrl-C at random moments and at named points of a commit: the lake ends as if nothing had happened.

`make trial` does many more of these and of other kinds (docs/reliability.md); here a few with a seed of their own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("harvest: killed", "harvest: killed at a step", "harvest: interrupted")
SHARE = 0.17 if os.environ.get("CI") == "true" else 0.1


@pytest.mark.slow
def test_killed_and_run_again_is_as_if_nothing_had_happened(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "scripts" / "reliability", "--seed=1000", "--out", tmp_path, f"--share={SHARE}"]
    for _ in range(2):  # the second call has nothing left to do
        run = subprocess.run([*command, f"--kinds={','.join(KINDS)}"], capture_output=True, text=True, cwd=ROOT)
        assert run.returncode == 0, run.stdout + run.stderr
        assert run.stdout.startswith("seed 1000")
        assert run.stdout.count(" 0 with a problem") == len(KINDS)
    results = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    assert {row["kind"] for row in results} == set(KINDS)
    assert all(row["struck"] and not row["lost"] and not row["doubled"] for row in results)
