"""The mean of teachers, and the id of a round."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hmmr_model.checkpoint import RELEASED, BadCheckpointError
from hmmr_model.predict import Predictor
from hmmr_model.rounds import RoundConfig, Teacher, load_teachers, mean_rotation, round_id


@given(st.integers(0, 1000), st.integers(2, 4))
@settings(max_examples=30, deadline=None)
def test_the_mean_rotation_is_scipys(seed: int, count: int) -> None:
    """SciPy's mean solves the same problem by quaternions (Markley et al. 2007)."""
    start = Rotation.random(random_state=seed)
    turns = Rotation.from_rotvec(np.random.default_rng(seed).normal(0, 0.4, (count, 3)))
    rotations = start * turns
    np.testing.assert_allclose(mean_rotation(rotations.as_matrix()), rotations.mean().as_matrix(), atol=2e-6)


def test_the_mean_of_opposite_turns_is_a_rotation() -> None:
    """Their mean matrix has no nearest rotation of its own; what comes out must be one all the same."""
    opposite = Rotation.from_rotvec([[0, 0, np.pi], [0, 0, 0]]).as_matrix().astype(np.float32)
    mean = mean_rotation(opposite)
    np.testing.assert_allclose(mean @ mean.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(mean) == pytest.approx(1)


def _teacher(sha256: str, predictor: Predictor) -> Teacher:
    return Teacher(Path(sha256), sha256, predictor, None, None)


def test_a_round_is_its_teachers_and_settings_in_any_order() -> None:
    (released,) = load_teachers(["released"])
    first, second = (_teacher(name, released.predictor) for name in "ab")
    assert round_id([first, second], RoundConfig()) == round_id([second, first], RoundConfig())
    others = {round_id([first], RoundConfig()), round_id([first, second], RoundConfig(refined=False))}
    assert round_id([first, second], RoundConfig()) not in others


def test_teachers_that_cannot_teach_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="named twice"):
        load_teachers(["released", RELEASED])
    with pytest.raises(ValueError, match="at least one"):
        load_teachers([])
    with pytest.raises(BadCheckpointError, match=r"none\.pt"):
        load_teachers([tmp_path / "none.pt"])
