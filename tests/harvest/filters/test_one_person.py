"""The measures of one person's track: by hand-made joints, against scipy's Procrustes, in files that ffmpeg froze."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes

from body.ffmpeg import ffmpeg_program
from body.joints import KEYPOINTS_25, LIMBS_12, indices
from harvest.config import LabelConfig
from harvest.fetch.policy import Policy, Verdict
from harvest.filters.one_person import cut_off, frozen_frames, motion, posture_change, too_fast, too_long
from harvest.filters.presets import DEFAULT, HMMR_2019
from harvest.filters.tracks import clean
from harvest.label import Labeller
from harvest.sources.expand import expand
from harvest.video.decode import Video
from harvest.video.shots import ShotConfig, split_shots


def _person(frames: int = 20) -> np.ndarray:
    keypoints = np.ones((frames, 25, 3), np.float32)
    keypoints[:, :, :2] = np.random.default_rng(0).uniform(100, 200, (25, 2))
    return keypoints


def test_a_good_stretch() -> None:
    person = _person()
    seen = person[:, :, 2] > 0
    assert too_fast(person, seen, 25) == too_long(person, seen) == 0


def test_each_fault_shows_in_its_share() -> None:
    person = _person()
    jumping = person.copy()
    jumping[10] += (100, 0, 0)
    assert too_fast(jumping, person[:, :, 2] > 0, 25) == 2 / 19
    longer = person.copy()
    longer[4, KEYPOINTS_25.index("left_wrist"), :2] += 500
    assert too_long(longer, person[:, :, 2] > 0) == 1 / (20 * 8)


def test_a_person_at_the_border_is_cut_off_in_the_frames_that_show_it() -> None:
    person = _person()
    assert cut_off(person, (400, 400), 1) == 0
    assert cut_off(person, None, 1) == 0
    knees = [KEYPOINTS_25.index("left_knee"), KEYPOINTS_25.index("right_knee")]
    person[:5, knees[0], 1] = 399
    person[:5, knees[1], 0] = -30
    person[5, knees[0], 0] = 2
    assert cut_off(person, (400, 400), 2) == 5 / 20
    assert cut_off(person, (400, 400), 1) == 6 / 20
    person[:5, knees[0], 2] = 0.01
    assert cut_off(person, (400, 400), 2) == 5 / 20
    person[10:] = 0
    assert cut_off(person, (400, 400), 2) == 5 / 10
    assert cut_off(person * 0, (400, 400), 1) == 0


LIMBS = indices(LIMBS_12, KEYPOINTS_25)
ALL = np.ones((60, 25), bool)


def _panned_photograph(zoom: float, pan: float, turn: float, noise: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    place = rng.uniform(0, (100, 300), (25, 2))
    joints = np.full((60, 25, 3), 0.9, np.float32)
    for n in range(60):
        c, s = np.cos(turn * n), np.sin(turn * n)
        joints[n, :, :2] = (1 + zoom * n) * place @ np.array([[c, s], [-s, c]]) + (pan * n, 500)
    joints[..., :2] += rng.normal(0, noise, (60, 25, 2)) if noise else 0
    return joints


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 0.02), st.floats(-5, 5), st.floats(-0.02, 0.02))
def test_a_photograph_has_none(zoom: float, pan: float, turn: float) -> None:
    assert posture_change(_panned_photograph(zoom, pan, turn), ALL) < 1e-4


def test_two_frames_against_scipys_procrustes() -> None:
    """Both frames lie half of Procrustes' distance from their mean, nearly: joints differ by little."""
    photo = _panned_photograph(0, 0, 0)[:2]
    photo[1, :, :2] += np.random.default_rng(1).normal(0, 4, (25, 2))
    a, b, _ = procrustes(*photo[:, LIMBS, :2].astype(float))
    size = np.sqrt(((photo[0, LIMBS, :2] - photo[0, LIMBS, :2].mean(axis=0)) ** 2).sum())
    expected = np.median(np.linalg.norm(a - b, axis=1)) / 2 * size
    diagonal = np.median(np.hypot(*np.ptp(photo[..., :2], axis=1).T))
    assert posture_change(photo, ALL[:2]) == pytest.approx(expected / diagonal, rel=0.05)


def test_the_filter_knows_a_panned_photograph_from_a_walker() -> None:
    photo = _panned_photograph(0.004, 2, 0.001, noise=0.8)
    observed = np.ones(60, bool)
    assert motion(photo, ALL) > 2 * DEFAULT.min_motion
    (rejected,) = clean(photo, observed, DEFAULT)[1]
    assert (rejected.reason, rejected.threshold) == ("photograph", DEFAULT.min_posture)
    assert clean(photo, observed, HMMR_2019)[0]
    photo[:, LIMBS[:6], 0] += 20 * np.sin(np.arange(60) / 4)[:, None]
    assert clean(photo, observed, DEFAULT)[0]


def test_joints_that_are_not_seen_say_nothing() -> None:
    photo = _panned_photograph(0.01, 1, 0)
    photo[10:20, LIMBS[:4], :2] = 0
    seen = ALL.copy()
    seen[10:20, LIMBS[:4]] = False
    assert posture_change(photo, seen) < 1e-4
    assert posture_change(photo, ~ALL) == posture_change(photo[:1], ALL[:1]) == float("inf")


Paint = Callable[..., np.ndarray]
Film = Callable[..., Path]


def _frozen(*stretches: tuple[float, int]) -> list[int]:
    change = np.concatenate([np.full(length, level) for level, length in stretches])
    return np.flatnonzero(frozen_frames(change, 25.0, 0.5)).tolist()


def test_long_stretches_only() -> None:
    assert _frozen((90, 20), (0, 13), (90, 20)) == list(range(20, 33))
    assert _frozen((90, 20), (0, 12), (90, 20)) == []
    assert _frozen((4, 60)) == []
    assert _frozen((3, 60)) == list(range(60))


def test_a_new_key_frame_does_not_end_it_and_motion_does() -> None:
    assert _frozen((0, 20), (30, 2), (2, 20)) == list(range(42))
    assert _frozen((0, 20), (30, 3), (2, 20)) == [*range(20), *range(23, 43)]


def test_slow_video_in_a_fast_file_is_not_frozen() -> None:
    for repeats in (1, 2, 4):
        assert _frozen(*[(80, 1), (0, repeats)] * 20) == []


@pytest.mark.parametrize("codec", [("-c:v", "libx264", "-crf", "30"), ("-c:v", "mpeg4", "-q:v", "6")])
def test_in_encoded_files(
    paint: Paint, film: Film, tmp_path: Path, open_video: Callable[..., Video], codec: tuple[str, ...]
) -> None:
    """Somebody moves one pixel a frame for 30 frames; then ffmpeg holds the last picture for 40."""
    moving = film([paint({0: (50 + n, 60)}) for n in range(30)])
    frozen = tmp_path / "frozen.mp4"
    hold = ["-vf", "tpad=stop_mode=clone:stop=40", "-pix_fmt", "yuv420p", *codec]
    subprocess.run([ffmpeg_program(), "-v", "error", "-i", str(moving), *hold, str(frozen)], check=True)
    frames = split_shots(open_video(frozen).frames(), ShotConfig())
    found = np.flatnonzero(frozen_frames(np.array([each.change for each in frames]), 25.0, 0.5))
    assert 30 <= found[0] <= 38  # an encoder sharpens a picture that stands still for some frames
    assert len(found) == 70 - found[0]
    assert found[-1] == 69


def test_a_frozen_stretch_is_taken_out_of_a_run(paint: Paint, film: Film, rectangles: type, box_phi: object) -> None:
    at = [*range(40), *[39] * 30, *range(40, 70)]
    path = film([paint({0: (20 + 3 * n, 60 + 10 * np.sin(n))}) for n in at])
    (source,) = expand([path])
    rows = {}
    for config in (LabelConfig(), LabelConfig(preset=HMMR_2019)):
        labeller = Labeller(rectangles(), [box_phi], config, Policy())  # type: ignore[list-item]
        rows[config.preset.name] = labeller.label(path, source, Verdict("open", {})).rows
    ours = rows["default"]
    assert [(row["frame_index"][0], row["n_frames"]) for row in ours["tracklets"]] == [(0, 40), (70, 30)]
    (reject,) = ours["rejects"]
    assert (reject["reason"], reject["first_frame"], reject["n_frames"]) == ("frozen", 40, 30)
    assert (reject["measured"], reject["threshold"]) == (pytest.approx(1.2), 0.5)
    assert [row["n_frames"] for row in rows["hmmr_2019"]["tracklets"]] == [100]
