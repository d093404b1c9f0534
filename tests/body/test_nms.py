"""Suppression against OpenCV's own, and overlap by hand."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from body.boxes import iou, suppress


@given(st.integers(0, 30), st.integers(0, 2**31))
def test_keeps_what_opencv_keeps(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 60, (count, 2))
    boxes = np.concatenate([low, low + rng.integers(1, 40, (count, 2))], 1).astype(np.float64)
    scores = rng.permutation(count).astype(np.float64) + 1
    sized = np.concatenate([low, boxes[:, 2:] - low], 1)
    theirs = cv2.dnn.NMSBoxes(sized.tolist(), scores.tolist(), 0.0, 0.5) if count else []
    assert suppress(boxes, scores, 0.5).tolist() == list(np.asarray(theirs).flatten())


def test_overlap_by_hand() -> None:
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [0, 0, 0, 0]], float)
    np.testing.assert_allclose(iou(others[0], others), [1, 1 / 3, 0, 0])
