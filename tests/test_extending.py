"""Every diff of docs/extending.md applies to this repository, and the tests that it adds pass."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text()
DIFFS = re.findall(r"(?ms)^```diff\n(.*?)^```$", PAGE)
LEFT_BEHIND = (
    ".git",
    ".venv",
    "out",
    "runs",
    ".hmmr",
    "node_modules",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
)


def test_the_page_has_a_diff_with_a_test_for_each_thing_that_it_adds() -> None:
    assert len(DIFFS) == PAGE.count("\n## ")
    assert all(re.search(r"(?m)^\+\+\+ b/tests/\S+\.py$", diff) for diff in DIFFS)


def test_the_diffs_apply_and_their_tests_pass(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND), symlinks=True)
    for number, diff in enumerate(DIFFS):
        (tmp_path / f"{number}.diff").write_text(diff)
        done = subprocess.run(["git", "apply", tmp_path / f"{number}.diff"], cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0, f"{diff.splitlines()[0]}: {done.stderr}"
    added = [name for diff in DIFFS for name in re.findall(r"(?m)^\+\+\+ b/(tests/\S+\.py)$", diff)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *added],
        cwd=copy, env=os.environ | {"PYTHONPATH": str(copy)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
