"""One process at a time in a cell's folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.study.cells import locked

WAITER = """
import sys
from pathlib import Path
from flows.study.cells import locked
with locked(Path(sys.argv[1])):
    print("in")
"""


def test_a_second_process_waits_until_the_first_is_done(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WAITER, str(tmp_path / "run")]
    with locked(tmp_path / "run"):
        waiter = subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            waiter.wait(timeout=1.5)
    assert waiter.communicate(timeout=60)[0] == "in\n"
