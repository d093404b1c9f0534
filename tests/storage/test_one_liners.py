"""Every documented way to read a lake, or a data set exported from one, in a short script of a user.

Twenty times each: deltalake's own `to_pyarrow_table()` and `to_pyarrow_dataset()` print their result and then die in
some runs ("terminate called without an active exception"). They give Arrow a file system that is written in Python. Our
reading of it: an IO thread of Arrow that calls it while the interpreter ends is ended by Python, inside C++ that cannot
be left that way. Arrow's own file system has no Python in it, so the documented ways take from deltalake only the names
of the files; docs/results/lake.md has the counts.
"""

import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.example_rows import shard, source_name
from storage.export.dataset import export_dataset
from storage.lake import Lake
from storage.snapshot import freeze

README = Path(__file__).resolve().parents[2] / "README.md"
LINES = [line.strip() for line in README.read_text().splitlines() if re.match(r"\s+python -c .*mylake/tracklets", line)]
RUNS = 20


def test_there_are_two() -> None:
    assert len(LINES) == 2
    assert not any("to_pyarrow" in line or ").to_pandas" in line.replace("to_table().to_pandas", "") for line in LINES)


def _run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)


def _all_well(code: str, folder: Path, says: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for run in pool.map(lambda _: _run(code, folder), range(RUNS)):
            assert run.returncode == 0, run.stdout + run.stderr
            assert says in run.stdout


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "mylake")
    for number in range(3):
        for name, table in shard([source_name(number)]).items():
            lake.append(name, table)
    return lake


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_a_one_liner_of_the_readme(line: str, lake: Lake, tmp_path: Path) -> None:
    _, option, code = shlex.split(line)
    assert option == "-c"
    _all_well(code, tmp_path, "open" if "duckdb" in line else "person_index")


@pytest.mark.slow
def test_the_lakes_own_reader(lake: Lake, tmp_path: Path) -> None:
    root = str(README.parent)
    code = f"import sys; sys.path.insert(0, {root!r}); from storage.lake import Lake; "
    _all_well(code + "print(Lake('mylake').read('tracklets').num_rows, 'rows')", tmp_path, "6 rows")


@pytest.mark.slow
def test_the_lines_of_an_exported_data_set(lake: Lake, tmp_path: Path) -> None:
    export_dataset(lake, freeze(lake), tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    pandas, duckdb = (line.strip() for line in text.splitlines() if line.startswith("    "))
    _all_well(f"import pandas; print({pandas.partition('; ')[2]}.shape)", tmp_path / "out", "(6, ")
    _all_well(f"import duckdb; print({duckdb}.fetchall())", tmp_path / "out", source_name(0))
