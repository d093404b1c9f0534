import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmmr_model.export.placement import FEET, PlacementConfig, place

FOCAL, CENTRE = 500.0, (320.0, 240.0)


def _walker(frames: int = 50, stride_m: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Pelvis-centred keypoints (T, 25, 3) and the pelvis (T, 3) of somebody whose left foot stands while the pelvis
    moves sideways and away; the right foot is lifted and carried along."""
    rng = np.random.default_rng(0)
    body = rng.uniform([-0.25, -0.7, -0.15], [0.25, 0.5, 0.15], (25, 3))
    pelvis = np.array([-0.4, 0.1, 4.0]) + np.arange(frames)[:, None] * np.array([stride_m, 0.0, 0.6 * stride_m])
    points = np.tile(body, (frames, 1, 1))
    left = np.array([0.1, 0.9, 4.2]) + np.array([[0.0, -0.02, 0.05], [0.0, 0.0, 0.08], [0.0, 0.0, -0.1]])
    points[:, FEET[0]] = left - pelvis[:, None]
    points[:, FEET[1]] = np.array([-0.1, 0.6, 0.0]) + np.array([[0.0, -0.02, 0.05], [0.0, 0.0, 0.08], [0.0, 0.0, -0.1]])
    return points, pelvis


def _seen(points: np.ndarray, pelvis: np.ndarray) -> np.ndarray:
    world = points + pelvis[:, None]
    pixels = FOCAL * world[..., :2] / world[..., 2:] + np.array(CENTRE)
    return np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 0.9)], axis=-1)


def _place(
    points: np.ndarray, pixels: np.ndarray, config: PlacementConfig | None = None
) -> tuple[np.ndarray, np.ndarray]:
    first = np.tile([0.0, 0.0, 3.0], (len(points), 1))
    placed = place(points, pixels, first, FOCAL, CENTRE, np.arange(len(points)) / 25, config)
    return placed.pelvis, placed.contact


def _sliding(points: np.ndarray, pelvis: np.ndarray) -> float:
    foot = (points[:, FEET[0]] + pelvis[:, None]).mean(axis=1)
    return float(np.linalg.norm(np.diff(foot, axis=0), axis=1).mean())


def test_exact_keypoints_give_the_exact_place_and_the_foot_that_stands() -> None:
    points, pelvis = _walker()
    placed, contact = _place(points, _seen(points, pelvis))
    np.testing.assert_allclose(placed, pelvis, atol=2e-3)
    assert contact[:, 0].all()
    assert not contact[:, 1].any()


def test_a_standing_foot_slides_less_and_the_place_is_nearer_to_the_truth() -> None:
    points, pelvis = _walker()
    rng = np.random.default_rng(1)
    pixels = _seen(points, pelvis)
    pixels[..., :2] += np.repeat(rng.normal(scale=2.0, size=(len(points), 1, 2)), 25, axis=1)
    pixels[:, FEET[0], :2] = _seen(points, pelvis)[:, FEET[0], :2] + rng.normal(scale=0.3, size=(len(points), 3, 2))
    with_contact, contact = _place(points, pixels)
    without, _ = _place(points, pixels, PlacementConfig(contact_speed=0.0))
    assert contact[:, 0].mean() > 0.8
    assert _sliding(points, with_contact) < 0.5 * _sliding(points, without)
    error = [float(np.linalg.norm(placed - pelvis, axis=1).mean()) for placed in (with_contact, without)]
    assert error[0] < error[1]


def test_wrong_keypoints_of_a_few_joints_hardly_move_the_person() -> None:
    points, pelvis = _walker()
    pixels = _seen(points, pelvis)
    pixels[10:20, 6:9, :2] += 120.0
    pixels[30, :, 2] = 0.0
    pixels[31, 4] = np.nan
    placed, _ = _place(points, pixels)
    assert np.linalg.norm(placed - pelvis, axis=1).max() < 0.12
    assert np.isfinite(placed).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(0, 1000))
def test_any_short_tracklet_of_any_keypoints_is_placed_in_front_of_the_camera(frames: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(scale=0.4, size=(frames, 25, 3))
    pixels = rng.uniform(0, 640, (frames, 25, 3)) * [1, 1, 1 / 640]
    pixels[rng.random((frames, 25)) < 0.3] = np.nan
    placed, contact = _place(points, pixels)
    assert np.isfinite(placed).all()
    assert (placed[:, None, 2] + points[..., 2] > 0).all()
    assert contact.shape == (frames, 2)


def test_nobody_seen_at_all_stays_near_the_first_guess() -> None:
    points, _ = _walker(5)
    placed, contact = _place(points, np.zeros((5, 25, 3)))
    assert placed == pytest.approx(np.tile([0.0, 0.0, 3.0], (5, 1)), abs=1e-4)
    assert not contact.any()
