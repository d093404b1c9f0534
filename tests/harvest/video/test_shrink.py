"""Small pictures against OpenCV's INTER_AREA."""

import cv2
import numpy as np
import pytest

from harvest.video.shots import shrink

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (1080, 1920), (733, 997), (2000, 260)])
@pytest.mark.parametrize("small", [(128, 96), (32, 32)])
def test_is_opencvs_area_mean(size: tuple[int, int], small: tuple[int, int]) -> None:
    coarse = RNG.integers(0, 256, (size[0] // 40, size[1] // 40, 3), np.uint8)
    noise = RNG.integers(0, 30, (*size, 3), np.uint8)
    pixels = cv2.add(cv2.resize(coarse, size[::-1]), noise)
    ours, theirs = shrink(pixels, *small), cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    assert ours.shape == theirs.shape
    apart = np.abs(ours.astype(int) - theirs)
    assert apart.max() <= 1
    assert (apart > 0).mean() < (0.01 if size == (720, 1280) else 1e-3)  # areas of 75 pixels have means of a half


def test_small_and_narrow_pictures_are_opencvs() -> None:
    for size in ((240, 320), (100, 6000), (6000, 100), (1, 1)):
        pixels = RNG.integers(0, 256, (*size, 3), np.uint8)
        theirs = cv2.resize(pixels, (128, 96), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(shrink(pixels, 128, 96), theirs)
