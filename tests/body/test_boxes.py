"""HMMR's smooth box against its definition and scipy, suppression against OpenCV's, overlaps and sizes by hand."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.signal import medfilt

from body.boxes import SUPPORT_FRAMES, diagonals, iou_matrix, keypoint_boxes, person_size, smooth_boxes, suppress


def _walk(frames: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = rng.uniform(0, 100, (25, 2))
    xy = shape + np.cumsum(rng.normal(0, 4, (frames, 1, 2)), axis=0)
    return np.concatenate([xy, np.ones((frames, 25, 1))], axis=2).astype(np.float32)


def test_steady_person_gets_the_papers_square() -> None:
    still = np.repeat(_walk(1), 40, axis=0)
    boxes = smooth_boxes(still, 0.1)
    low, high = still[0, :, :2].min(axis=0), still[0, :, :2].max(axis=0)
    np.testing.assert_allclose((boxes[:, :2] + boxes[:, 2:]) / 2, np.tile((low + high) / 2, (40, 1)), atol=1e-3)
    np.testing.assert_allclose(np.ptp(boxes.reshape(40, 2, 2), axis=1), np.hypot(*(high - low)) * 224 / 150, rtol=1e-5)


def test_inside_it_is_the_released_codes_filter() -> None:
    keypoints = _walk(120)
    low, high = keypoints[:, :, :2].min(axis=1), keypoints[:, :, :2].max(axis=1)
    centre, scale = (low + high) / 2, 150 / np.hypot(*(high - low).T)
    theirs = [gaussian_filter1d(medfilt(column, 11), 3) for column in (*centre.T, scale)]
    boxes = smooth_boxes(keypoints, 0.1)
    inside = slice(SUPPORT_FRAMES, -SUPPORT_FRAMES)
    np.testing.assert_allclose(((boxes[:, 0] + boxes[:, 2]) / 2)[inside], theirs[0][inside], rtol=1e-5)
    np.testing.assert_allclose((224 / (boxes[:, 2] - boxes[:, 0]))[inside], theirs[2][inside], rtol=1e-5)


def test_ends_are_not_pulled_to_the_corner() -> None:
    far = _walk(30) + np.array([1000, 1000, 0], np.float32)
    centre = smooth_boxes(far, 0.1).reshape(30, 2, 2).mean(axis=1)
    assert (np.abs(centre - (far[:, :, :2].min(axis=1) + far[:, :, :2].max(axis=1)) / 2) < 30).all()


def test_gaps_are_filled_linearly() -> None:
    keypoints = _walk(1).repeat(60, axis=0)
    keypoints[:, :, 0] += np.arange(60)[:, None]
    holed = keypoints.copy()
    holed[25:32, :, 2] = 0
    np.testing.assert_allclose(smooth_boxes(holed, 0.1), smooth_boxes(keypoints, 0.1), atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(40, 90), st.integers(0, 1000), st.integers(0, 89))
def test_a_box_depends_on_its_support_only(frames: int, seed: int, changed: int) -> None:
    changed = min(changed, frames - 1)
    before = _walk(frames, seed)
    after = before.copy()
    after[changed, :, :2] *= 3
    moved = np.flatnonzero(np.abs(smooth_boxes(after, 0.1) - smooth_boxes(before, 0.1)).max(axis=1) > 1e-3)
    assert (np.abs(moved - changed) <= SUPPORT_FRAMES).all()


def test_nobody_has_no_box() -> None:
    with pytest.raises(ValueError, match="no frame"):
        smooth_boxes(np.zeros((5, 25, 3), np.float32), 0.1)
    one_place = np.zeros((1, 25, 3), np.float32)
    one_place[:, :, 2] = 1
    assert not keypoint_boxes(one_place, 0.1)[1].any()


def test_iou_and_diagonal() -> None:
    a = np.array([[0, 0, 10, 10.0]])
    b = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [3, 3, 3, 3.0]])
    np.testing.assert_allclose(iou_matrix(a, b), [[1, 1 / 3, 0, 0]])
    np.testing.assert_allclose(diagonals(np.array([[0, 0, 3, 4.0]])), [5])


def test_a_persons_size_is_the_median_over_frames_that_have_a_box() -> None:
    keypoints = np.zeros((4, 25, 3))
    keypoints[:3, :2, 2] = 1
    keypoints[:3, 1, :2] = [[3, 4], [6, 8], [30, 40]]
    assert person_size(keypoints, 0.5) == 10
    assert person_size(keypoints[3:], 0.5) == 1
    assert person_size(keypoints[3:], 0.5, default=0) == 0


@given(st.integers(0, 30), st.integers(0, 2**31))
def test_suppression_keeps_what_opencv_keeps(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 60, (count, 2))
    boxes = np.concatenate([low, low + rng.integers(1, 40, (count, 2))], 1).astype(np.float64)
    scores = rng.permutation(count).astype(np.float64) + 1
    sized = np.concatenate([low, boxes[:, 2:] - low], 1)
    theirs = cv2.dnn.NMSBoxes(sized.tolist(), scores.tolist(), 0.0, 0.5) if count else []
    assert suppress(boxes, scores, 0.5).tolist() == list(np.asarray(theirs).flatten())
