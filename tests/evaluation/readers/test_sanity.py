"""A real gait passes the checks of sides and bones; every exchange of columns that has happened fails one."""

from pathlib import Path

import numpy as np
import pytest

from body.joints import COCO_17
from evaluation.readers.sanity import check_sides_and_bones
from evaluation.sequence import Joints


@pytest.fixture
def athlete(shared_data: Path) -> Joints:
    reference = np.load(shared_data / "real_video" / "pose2sim_single_reference.npz")
    return Joints(COCO_17, reference["joints_m"].astype(float))


def _failed(joints: Joints) -> set[str]:
    return {finding.check.split(",")[0] for finding in check_sides_and_bones(joints) if not finding.ok}


def _exchanged(joints: Joints, *parts: str) -> Joints:
    names = list(joints.names)
    for part in parts:
        a, b = names.index(f"left_{part}"), names.index(f"right_{part}")
        names[a], names[b] = names[b], names[a]
    return Joints(tuple(names), joints.points)


def test_a_real_athlete_passes_every_check(athlete: Joints) -> None:
    assert len(check_sides_and_bones(athlete)) == 7
    assert _failed(athlete) == set()


def test_hazard_21_a_swapped_leg_is_caught(athlete: Joints) -> None:
    assert "hips and shoulders face the same way" in _failed(_exchanged(athlete, "hip", "knee", "ankle"))
    assert "each knee is under its own hip" in _failed(_exchanged(athlete, "knee", "ankle"))
    whole = _exchanged(athlete, "hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    assert _failed(whole) == {"bent knees point forwards"}


def test_mirrored_axes_and_wrong_units_are_caught(athlete: Joints) -> None:
    assert "bent knees point forwards" in _failed(Joints(athlete.names, athlete.points * [1, 1, -1]))
    assert "longest bone" in _failed(Joints(athlete.names, athlete.points * 1000))
    assert "shortest bone" in _failed(Joints(athlete.names, athlete.points / 1000))


def test_sets_without_limbs_and_empty_ones_say_nothing(athlete: Joints) -> None:
    assert check_sides_and_bones(Joints(athlete.names[:8], athlete.points[:, :8])) == []
    assert check_sides_and_bones(Joints(athlete.names, athlete.points * np.nan)) == []
