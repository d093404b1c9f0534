"""Cuts, flashes, fades, pans: on pictures made here."""

from collections.abc import Iterable

import cv2
import numpy as np
import pytest

from harvest.video.decode import Frame
from harvest.video.shots import ShotConfig, shrink, split_shots


def _scene(seed: int) -> np.ndarray:
    """A smooth coloured picture with a few blocks, 160 x 90, with room to pan."""
    rng = np.random.default_rng(seed)
    picture = np.ones((90, 400, 3)) * rng.uniform(30, 220, 3)
    for _ in range(14):
        x, y, w, h = rng.integers(0, 380), rng.integers(0, 80), rng.integers(10, 90), rng.integers(8, 50)
        picture[y : y + h, x : x + w] = rng.uniform(0, 255, 3)
    return picture


def _view(seed: int, n: int, speed: float = 0.5, gain: float = 1.0) -> np.ndarray:
    left = int(n * speed) % 240
    noise = np.random.default_rng(n).normal(0, 3, (90, 160, 3))
    return np.clip(_scene(seed)[:, left : left + 160] * gain + noise, 0, 255)


def _starts(pictures: Iterable[np.ndarray]) -> list[int]:
    frames = [Frame(i, i, picture.astype(np.uint8)) for i, picture in enumerate(pictures)]
    split = list(split_shots(iter(frames), ShotConfig()))
    assert [each.frame.index for each in split] == list(range(len(frames)))
    assert [each.shot_index for each in split] == (np.cumsum([each.starts for each in split]) - 1).tolist()
    return [each.frame.index for each in split if each.starts]


def test_hard_cuts_are_found_to_the_frame() -> None:
    shots = [(1, 30), (2, 12), (3, 7), (4, 40)]
    assert _starts(_view(seed, n) for seed, length in shots for n in range(length)) == [0, 30, 42, 49]


@pytest.mark.parametrize("speed", [0.0, 2.0, 6.0])
def test_moving_camera_is_no_cut(speed: float) -> None:
    assert _starts(_view(5, n, speed) for n in range(38)) == [0]


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("level", [255, 0])
def test_flash_and_blink_are_no_cut(length: int, level: int) -> None:
    pictures = [_view(6, n) for n in range(40)]
    for n in range(20, 20 + length):
        pictures[n] = np.full_like(pictures[n], level)
    assert _starts(pictures) == [0]


def test_bright_flash_with_content_is_no_cut() -> None:
    pictures = [_view(6, n) for n in range(40)]
    pictures[20] = np.clip(pictures[20] * 0.4 + 153, 0, 255)
    assert _starts(pictures) == [0]


def test_fade_through_black_is_one_cut() -> None:
    gains = np.concatenate([np.ones(15), np.linspace(1, 0, 10), np.zeros(4)])
    out = [_view(7, n, gain=gain) * (gain > 0) for n, gain in enumerate(gains)]
    back = [_view(8, n, gain=gain) for n, gain in enumerate(gains[::-1][4:])]
    starts = _starts([*out, *back])
    assert starts[0] == 0
    assert len(starts) == 2
    assert 29 <= starts[1] <= 33  # where pictures have content again


def test_one_frame_and_none() -> None:
    assert _starts([_view(1, 0)]) == [0]
    assert _starts([]) == []


def test_dissolve_is_cut_in_its_middle() -> None:
    parts = np.concatenate([np.zeros(20), np.linspace(0, 1, 14), np.ones(20)])
    pictures = [(1 - part) * _view(1, n) + part * _view(2, n) for n, part in enumerate(parts)]
    starts = _starts(pictures)
    assert len(starts) == 2
    assert abs(starts[1] - 27) <= 4


def test_a_cut_between_places_that_look_alike() -> None:
    """A small step, in a picture in which nothing else moves."""
    other = _view(1, 0) * 0.8 + _view(2, 0) * 0.2
    pictures = [_view(1, 0) if n < 20 else other for n in range(40)]
    assert _starts(pictures) == [0, 20]
    pictures[21:] = [_view(1, 0)] * 19
    assert _starts(pictures) == [0]  # it came back


def test_a_dissolve_between_places_of_like_colours() -> None:
    """The ends are 0.14 apart, less than a hard cut must be."""
    parts = np.concatenate([np.zeros(20), np.linspace(0, 1, 14), np.ones(20)])
    pictures = [120 + 0.38 * ((1 - part) * _view(5, n) + part * _view(6, n) - 120) for n, part in enumerate(parts)]
    assert len(_starts(pictures)) == 2


@pytest.mark.parametrize("gain", [0.3, 0.6])
def test_light_that_grows_is_no_dissolve(gain: float) -> None:
    gains = np.concatenate([np.full(20, gain), np.linspace(gain, 1, 14), np.ones(20)])
    assert _starts(_view(1, n, gain=each) for n, each in enumerate(gains)) == [0]


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
