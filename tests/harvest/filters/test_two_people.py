"""Bystanders, and two people in one place: by hand-made joints and in the whole of labelling."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from body.joints import KEYPOINTS_25
from harvest.config import LabelConfig
from harvest.fetch.policy import Policy, Verdict
from harvest.filters.presets import DEFAULT, HMMR_2019, STRICT
from harvest.filters.tracks import Run
from harvest.filters.two_people import Candidate, bystanders, together
from harvest.label import LabelledVideo, Labeller
from harvest.sources.expand import expand


def _run(person: int, start: int, stop: int, motion: float) -> Candidate:
    return Candidate(person, Run(0, stop - start), start, stop, motion)


def test_still_beside_a_mover_is_a_bystander() -> None:
    found = [_run(0, 0, 40, 0.1), _run(1, 5, 40, 0.02)]
    rejected = bystanders(found, DEFAULT)
    assert list(rejected) == [(1, 0)]
    why = rejected[1, 0]
    assert (why.reason, why.measured, why.start, why.stop) == ("bystander", 0.02, 0, 35)


def test_a_moving_camera_makes_nobody_move() -> None:
    """Both move in the picture; only one changes posture."""
    player, judge = (Candidate(person, Run(0, 40), 0, 40, 0.5, posture) for person, posture in ((0, 0.06), (1, 0.01)))
    assert list(bystanders([player, judge], DEFAULT)) == [(1, 0)]
    assert not bystanders([judge], DEFAULT)


def test_alone_or_not_at_the_same_time_or_as_quiet_is_none() -> None:
    assert not bystanders([_run(0, 0, 40, 0.02)], DEFAULT)
    assert not bystanders([_run(0, 0, 40, 0.1), _run(1, 30, 80, 0.02)], DEFAULT)
    assert not bystanders([_run(0, 0, 40, 0.05), _run(1, 0, 40, 0.02)], DEFAULT)
    assert not bystanders([_run(0, 0, 40, 0.2), _run(1, 0, 40, 0.04)], DEFAULT)
    assert not bystanders([_run(0, 0, 40, 0.1), _run(1, 0, 40, 0.0)], HMMR_2019)


def _person(x: float = 0.0, frames: int = 20) -> np.ndarray:
    joints = np.ones((frames, 25, 3), np.float32)
    joints[..., :2] = np.random.default_rng(0).uniform(0, (60, 150), (25, 2))
    joints[..., 0] += x
    return joints


def test_overlap_counts_by_frames() -> None:
    me, other = _person(), _person(200)
    assert together(me, [], 0.3) == together(me, [other], 0.3) == 0
    other[5:10] = _person(20, 5)
    assert together(me, [other], 0.3) == 0.25
    other[..., 2] = 0.1
    assert together(me, [other], 0.3) == 0


def test_joints_that_two_people_claim_count_without_overlap() -> None:
    """Somebody far larger, whose box hardly overlaps, with one and then two of my limb joints."""
    me, giant = _person(), _person()
    giant[..., :2] = giant[..., :2] * 40 + 50
    limbs = [KEYPOINTS_25.index("left_wrist"), KEYPOINTS_25.index("right_ankle")]
    giant[:, limbs[:1]] = me[:, limbs[:1]]
    assert together(me, [giant], 0.3) == 0
    giant[4:, limbs] = me[4:, limbs]
    assert together(me, [giant], 0.3) == 0.8


def test_nobody_visible_is_beside_nobody() -> None:
    assert together(np.zeros((5, 25, 3), np.float32), [_person(0, 5)], 0.3) == 0


@pytest.fixture
def label(rectangles: type, box_phi: object) -> Callable[[Path], LabelledVideo]:
    def labelled(path: Path) -> LabelledVideo:
        (source,) = expand([path])
        labeller = Labeller(rectangles(), [box_phi], LabelConfig(preset=STRICT), Policy())  # type: ignore[list-item]
        return labeller.label(path, source, Verdict("open", {}))

    return labelled


def test_dancers_are_rejected_and_passers_by_are_not(
    paint: Callable[..., np.ndarray], film: Callable[..., Path], label: Callable[[Path], LabelledVideo]
) -> None:
    sway = [(60 + 2 * n, 80 + 8 * np.sin(n / 2)) for n in range(50)]
    dancing = label(film([paint({0: (x, y), 1: (x + 3, y + 12)}) for x, y in sway], "dance.mp4"))
    assert {row["reason"] for row in dancing.rows["rejects"]} == {"together"}
    assert dancing.rows["tracklets"] == []
    assert all(row["measured"] > 0.9 for row in dancing.rows["rejects"])
    passing = label(film([paint({0: (x, y), 1: (260 - 3 * n, y - 12)}) for n, (x, y) in enumerate(sway)], "pass.mp4"))
    assert len(passing.rows["tracklets"]) >= 2
    assert "together" not in {row["reason"] for row in passing.rows["rejects"]}
