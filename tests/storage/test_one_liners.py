"""The README's one-liners open a lake."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from storage.example_rows import shard, source_name
from storage.lake import Lake

README = Path(__file__).resolve().parents[2] / "README.md"
LINES = [line.strip() for line in README.read_text().splitlines() if re.match(r"\s+python -c .*mylake/tracklets", line)]


def test_there_are_two() -> None:
    assert len(LINES) == 2


@pytest.mark.parametrize("line", LINES)
def test_a_one_liner_of_the_readme(line: str, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "mylake")
    lake.append("tracklets", shard([source_name(0)])["tracklets"])
    words = shlex.split(line)
    run = subprocess.run([sys.executable, *words[1:]], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert ("open" if "duckdb" in line else "person_index") in run.stdout
