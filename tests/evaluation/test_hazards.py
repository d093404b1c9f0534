"""The table of docs/hazards.md is true: every row's test exists."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from body.motion import Motion, resample
from evaluation.sequence import BenchmarkSequence
from flows.prepare import thinned

ROOT = Path(__file__).resolve().parents[2]
ROWS = re.findall(r"^\| (\d+) \|.*\| (\S+) \|$", (ROOT / "docs" / "hazards.md").read_text(), re.MULTILINE)


def test_all_25_hazards_have_a_row() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 26))


@pytest.mark.parametrize(("number", "test"), ROWS, ids=[number for number, _ in ROWS])
def test_the_named_test_exists(number: str, test: str) -> None:
    file, _, name = test.partition("::")
    names = {node.name for node in ast.parse((ROOT / file).read_text()).body if hasattr(node, "name")}
    assert not name or name in names, f"hazard {number}: {file} has no {name}"


def test_hazard_11_motion_is_resampled_by_time_and_thinned_video_keeps_its_true_rate() -> None:
    turns = np.tile(np.eye(3, dtype=np.float32), (121, 24, 1, 1))
    path = np.linspace(0, 1, 121, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    slow = resample(Motion("walk", 120.0, turns, path), 25.0)
    assert (slow.fps, len(slow.rotations)) == (25.0, 26)
    np.testing.assert_allclose(slow.translation[:, 0], np.arange(26) / 25, atol=1e-6)
    video = BenchmarkSequence("h36m", "", "s", 50.0, np.arange(11), np.ones(11, bool))
    assert (thinned(video).fps, thinned(video).frame_ids.tolist()) == (25.0, [0, 2, 4, 6, 8, 10])
    odd = BenchmarkSequence("x", "", "s", 120.0, np.arange(11), np.ones(11, bool))
    assert (thinned(odd).fps, thinned(odd).frame_ids.tolist()) == (30.0, [0, 4, 8])
