"""Cutting a square and finding the way back."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvest.backends.roi import cut, square_around, to_frame

FRAME = np.zeros((120, 160, 3), np.uint8)
cv2.circle(FRAME, (97, 41), 6, (255, 255, 255), -1)


def centre_of_light(image: np.ndarray) -> np.ndarray:
    """Centre of the bright pixels in corner coordinates: pixel (0, 0) is centred at 0.5."""
    rows, columns = np.nonzero(image[..., 0] > 127)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
def test_a_point_comes_back_to_its_place(angle: float) -> None:
    square = square_around(np.array([60, 10, 140, 100]), 1.25)
    found = to_frame(centre_of_light(cut(FRAME, square, 256, angle))[None], square, 256, angle)
    np.testing.assert_allclose(found[0], centre_of_light(FRAME), atol=0.1)


def test_whole_pixels_are_copied() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(cut(frame, np.array([8, 16, 40, 48]), 32), frame[16:48, 8:40])


def test_outside_the_frame_is_black() -> None:
    white = np.full((10, 10, 3), 255, np.uint8)
    crop = cut(white, np.array([-10, 0, 10, 20]), 20)
    assert crop[:10, 10:].min() == 255
    assert crop[:, :9].max() == 0


def test_turn_is_clockwise_on_the_screen() -> None:
    """What lies to the right of the centre comes to the top when the square is turned right by 90 degrees."""
    found = centre_of_light(cut(FRAME, np.array([37, 1, 117, 81]), 80, np.pi / 2))
    np.testing.assert_allclose(found, [40.5, 19.5], atol=0.6)


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(0, 500), st.floats(0, 500), st.floats(0.5, 3))
def test_square_has_the_longer_side(x: float, y: float, width: float, height: float, scale: float) -> None:
    square = square_around(np.array([x, y, x + width, y + height]), scale)
    sides = square[2:] - square[:2]
    np.testing.assert_allclose(sides, max(max(width, height) * scale, 1), atol=0.01)
    np.testing.assert_allclose((square[:2] + square[2:]) / 2, [x + width / 2, y + height / 2], atol=0.01)
