"""Which stretches of a track are kept: the paper's rules by hand-made counts, ours by properties."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from body.joints import KEYPOINTS_25
from harvest.filters.one_person import motion
from harvest.filters.presets import DEFAULT, HMMR_2019, STRICT, Preset
from harvest.filters.tracks import HEAD_AND_SHOULDERS, Run, candidates, clean
from storage.labels.key import identity

ANY_MOTION = replace(DEFAULT, min_motion=0.0)


def _track(counts: list[int], *, score: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """A track in which so many joints are visible, legs first."""
    keypoints = np.random.default_rng(0).uniform(0, 100, (len(counts), 25, 3)).astype(np.float32)
    keypoints[:, :, 2] = 0.05
    for n, count in enumerate(counts):
        keypoints[n, :count, 2] = score
    return keypoints, np.ones(len(counts), dtype=bool)


def _walking(posture_J3: np.ndarray, frames: int) -> np.ndarray:
    """A posture that is carried 60 px to the right, its joints swinging by a few px, each in its own time."""
    phase = np.arange(frames)[:, None] / 4 + np.arange(25)[None]
    swing = np.stack([4 * np.sin(phase), 4 * np.cos(phase), np.zeros_like(phase)], axis=-1)
    way = np.linspace(0, 60, frames)[:, None, None] * np.array([1, 0, 0])
    return np.asarray(posture_J3 + way + swing, np.float32)


def _runs(counts: list[int], preset: Preset) -> list[tuple[int, int]]:
    return [(run.start, run.stop) for run in clean(*_track(counts), preset)[0]]


@pytest.mark.parametrize(
    ("counts", "kept"),
    [
        ([10] * 60, [(0, 60)]),
        ([10] * 39, []),
        ([6] * 10 + [7] * 50, [(10, 60)]),
        ([10] * 50 + [4] * 5 + [10] * 50, [(0, 50)]),
        ([10] * 50 + [5] * 50, [(0, 100)]),
        ([10] * 20 + [0] * 2 + [10] * 30, [(0, 52)]),
        ([10] * 20 + [4] * 5 + [10] * 100, []),
        ([10] * 600, [(0, 500)]),
        ([5] * 60, [(0, 60)]),
    ],
)
def test_hmmr_2019(counts: list[int], kept: list[tuple[int, int]]) -> None:
    """More than 6 starts, 4 or fewer stops, 40 frames, at most 500, the first run only; argmax starts at frame 0 if
    none has more than 6."""
    assert _runs(counts, HMMR_2019) == kept


def test_default_keeps_every_run_of_a_window() -> None:
    counts = [10] * 25 + [3] * 10 + [10] * 19 + [3] * 10 + [10] * 600
    assert _runs(counts, ANY_MOTION) == [(0, 25), (64, 664)]


def test_thresholds_of_scores() -> None:
    assert clean(*_track([10] * 60, score=0.2), HMMR_2019)[0]
    assert not clean(*_track([10] * 60, score=0.2), ANY_MOTION)[0]


def test_head_and_shoulders_alone_are_dropped() -> None:
    keypoints, observed = _track([25] * 60)
    below = [i for i, name in enumerate(KEYPOINTS_25) if name not in HEAD_AND_SHOULDERS]
    keypoints[:24][:, below, 2] = 0
    for preset in (HMMR_2019, ANY_MOTION):
        runs, rejected = clean(keypoints, observed, preset)
        assert runs == []
        assert (rejected[0].reason, rejected[0].measured) == ("upper_body_only", pytest.approx(0.4))
        later = keypoints.copy()
        later[23, below, 2] = 1
        assert clean(later, observed, preset)[0]


def test_bridged_frames_do_not_break_a_run() -> None:
    keypoints, observed = _track([12] * 15 + [0] * 8 + [12] * 15)
    observed[15:23] = False
    assert [(run.start, run.stop) for run in clean(keypoints, observed, ANY_MOTION)[0]] == [(0, 38)]
    assert clean(keypoints, np.ones(38, dtype=bool), ANY_MOTION)[0] == []


def test_still_people_are_rejected_and_walkers_are_not() -> None:
    keypoints, observed = _track([25] * 60)
    still = keypoints[:1].repeat(60, axis=0)
    still[:, :, :2] += np.random.default_rng(1).normal(0, 0.05, (60, 25, 2))
    runs, rejected = clean(still, observed, DEFAULT)
    assert runs == []
    assert rejected[0].reason == "still"
    assert 0 < rejected[0].measured < DEFAULT.min_motion == rejected[0].threshold
    assert clean(_walking(still[0], 60), observed, DEFAULT)[0]


def test_joints_that_jump_across_the_person_are_rejected() -> None:
    keypoints, observed = _track([25] * 60)
    walking = _walking(keypoints[0], 60)
    assert clean(walking, observed, STRICT)[0]
    walking[10:60:3, :, :2] += (90, 90)
    assert [each.reason for each in clean(walking, observed, STRICT)[1]] == ["too_fast"]
    assert clean(walking, observed, HMMR_2019)[0]
    assert clean(walking, observed, DEFAULT)[0]
    # the same steps, taken in a tenth of the frames a second, are slow
    assert clean(walking, observed, STRICT, rate=2.5)[0]


def test_a_further_filter_works_in_any_preset_and_enters_the_label_key() -> None:
    keypoints, observed = _track([25] * 60)
    walking = _walking(keypoints[0], 60)
    walking[10:60:3, :, :2] += (90, 90)
    further = DEFAULT.with_limits({"too_fast": 0.01})
    ((rejection,)) = clean(walking, observed, further)[1]
    assert (rejection.reason, rejection.threshold) == ("too_fast", 0.01)
    assert rejection.measured > 0.01
    assert clean(walking, observed, DEFAULT.with_limits({"too_fast": 1.0}))[0]
    assert identity(DEFAULT.with_limits({})) == identity(DEFAULT)
    assert identity(further) != identity(DEFAULT.with_limits({"too_fast": 0.02}))


def test_bones_that_stretch_are_rejected_by_the_strict_preset() -> None:
    keypoints, observed = _track([25] * 60)
    keypoints = _walking(keypoints[0], 60)
    wrists = [KEYPOINTS_25.index("left_wrist"), KEYPOINTS_25.index("right_wrist")]
    keypoints[20:24, wrists, 0] += 4000
    slow = replace(STRICT, max_fast=1.0)
    assert [each.reason for each in clean(keypoints, observed, slow)[1]] == ["stretched"]
    assert clean(keypoints.astype(np.float32), observed, DEFAULT)[0]


def test_people_whom_the_border_cuts_off() -> None:
    """The bottom of the picture at the ankles: strict alone minds; at the knees: default too; never hmmr_2019."""
    keypoints, observed = _track([25] * 60)
    walking = keypoints[:1].repeat(60, axis=0) + np.linspace(0, 60, 60)[:, None, None] * np.array([1, 0, 0])
    walking[..., :2] += 200
    slow = replace(STRICT, max_fast=1.0, max_long=1.0)
    for joints, refusing in ((["ankle"], {"strict"}), (["ankle", "knee"], {"strict", "default"})):
        legs = [i for i, name in enumerate(KEYPOINTS_25) if any(word in name for word in joints)]
        cut = walking.astype(np.float32)
        cut[:20, legs, 1] = 499
        for preset in (HMMR_2019, DEFAULT, slow):
            runs, rejected = clean(cut, observed, preset, picture=(640, 500))
            assert bool(runs) != (preset.name in refusing)
            assert [each.reason for each in rejected] == (["cut_off"] if preset.name in refusing else [])
            assert clean(cut, observed, preset)[0]


def test_frozen_stretches_are_taken_out_and_every_frame_is_somewhere() -> None:
    keypoints, observed = _track([25] * 100)
    keypoints = _walking(keypoints[0], 100)
    frozen = np.zeros(100, bool)
    frozen[30:50] = frozen[60:62] = frozen[90:] = True
    runs, rejected = clean(keypoints, observed, DEFAULT, frozen_T=frozen)
    assert [(run.start, run.stop) for run in runs] == [(0, 30), (62, 90)]
    told = [(each.start, each.stop, each.reason) for each in rejected]
    assert told == [(30, 50, "frozen"), (50, 60, "too_short"), (60, 62, "frozen"), (90, 100, "frozen")]
    assert rejected[0].measured == 0.8
    assert len(clean(keypoints, observed, HMMR_2019, frozen_T=frozen)[0]) == 1


def test_motion_of_a_known_swing() -> None:
    keypoints = np.zeros((100, 25, 3), np.float32)
    keypoints[:, :, 2] = 1
    keypoints[:, 12, :2] = (300, 400)
    swing = 10 * np.sin(np.linspace(0, 20 * np.pi, 100, endpoint=False))
    keypoints[:, :12, 0] += swing[:, None]
    keypoints[:, 23:, 0] += swing[:, None]
    assert motion(keypoints, keypoints[:, :, 2] > 0) == pytest.approx(10 / np.sqrt(2) / 500, rel=0.05)
    assert motion(np.zeros((5, 25, 3), np.float32), np.zeros((5, 25), bool)) == float("inf")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 25), st.integers(1, 60)), min_size=1, max_size=8), st.sampled_from(["h", "d"]))
def test_every_frame_is_kept_or_rejected_once(parts: list[tuple[int, int]], which: str) -> None:
    counts = [count for count, length in parts for _ in range(length)]
    preset = HMMR_2019 if which == "h" else ANY_MOTION
    runs, rejected = clean(*_track(counts), preset)
    covered = sorted([(run.start, run.stop) for run in runs] + [(each.start, each.stop) for each in rejected])
    assert [start for start, _ in covered] == [0, *[stop for _, stop in covered[:-1]]]
    assert covered[-1][1] == len(counts)
    assert all(run.stop - run.start >= preset.min_frames for run in runs)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 25), st.integers(1, 40)), min_size=2, max_size=8), st.integers(45, 90))
def test_what_is_kept_was_a_candidate_in_time(parts: list[tuple[int, int]], delay: int) -> None:
    """Shot_labels computes φ of a frame `delay` frames later: no frame that is kept in the end may be missing then."""
    counts = [count for count, length in parts for _ in range(length)]
    keypoints, observed = _track(counts)
    for preset in (HMMR_2019, ANY_MOTION):
        for run in clean(keypoints, observed, preset)[0]:
            for n in range(run.start, min(run.stop, len(counts) - delay), 7):
                early = candidates(keypoints[: n + delay], observed[: n + delay], preset)
                assert any(each.start <= n < each.stop for each in early)


def test_gaps_may_be_long_but_people_must_be_seen_and_sure() -> None:
    """A walk behind a pillar: 12 frames on one side, 40 unseen, 12 on the other."""
    keypoints = np.full((64, 25, 3), 0.9, np.float32)
    keypoints[..., :2] = np.random.default_rng(0).uniform(0, (100, 300), (64, 25, 2))
    observed = np.ones(64, bool)
    observed[12:52] = False
    keypoints[~observed] = 0
    assert clean(keypoints, observed, DEFAULT) == ([Run(0, 64)], [])
    ((why,),) = clean(keypoints, observed, replace(DEFAULT, min_observed=25))[1:]
    assert (why.reason, why.measured, why.threshold) == ("too_short", 24, 25)
    keypoints[observed, :, 2] = 0.4
    ((why,),) = clean(keypoints, observed, DEFAULT)[1:]
    assert (why.reason, why.measured, why.threshold) == ("low_score", pytest.approx(0.4), 0.45)
