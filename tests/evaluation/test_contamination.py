"""Leaks are found: same bytes, re-encoded frames, the same motion cropped, resampled or mirrored. Others are not."""

import numpy as np
import pytest

from body.joints import KEYPOINTS_25, mirror_permutation
from evaluation.contamination import same_content, same_motion, similar_frames
from storage.tables import TrackletArrays


def _video(name: str, sha256: str = "", prints: tuple[int, ...] = ()) -> dict:
    return {"source_id": name, "content_sha256": sha256 or name, "fingerprints": list(prints)}


def _tracklet(
    name: str, seed: int, seconds: float = 6.0, fps: float = 25.0, start: float = 0.0, **how
) -> TrackletArrays:
    """A person whose joints swing by sums of sines: smooth, and of no other seed."""
    rng = np.random.default_rng(seed)
    rest = rng.normal(0, 60, (25, 2)) * [0.4, 1.0]
    swing, pace, phase = rng.normal(0, 18, (3, 25, 2)), rng.uniform(0.3, 1.2, 3), rng.uniform(0, 6, (3, 25, 2))
    times = start + np.arange(round(seconds * fps)) / fps
    waves = np.sin(2 * np.pi * pace[:, None, None, None] * times[:, None, None] + phase[:, None])
    points = rest + (swing[:, None] * waves).sum(0) + np.array([400.0, 300.0])
    if how.get("mirror"):
        points = (points * [-1, 1] + np.array([900, 0]))[:, mirror_permutation(KEYPOINTS_25)]
    points = points * how.get("zoom", 1.0) + np.random.default_rng(seed + 99).normal(
        0, how.get("noise", 0.0), points.shape
    )
    keypoints = np.concatenate([points, np.ones((*points.shape[:2], 1))], -1).astype(np.float32)
    low, high = points.min((0, 1)), points.max((0, 1))
    middle, half = (low + high) / 2, (high - low).max() / 2 * 1.2
    boxes = np.tile(np.concatenate([middle - half, middle + half]), (len(points), 1)).astype(np.float32)
    count = np.arange(len(points))
    return TrackletArrays(name, "v", fps, count.astype(np.int32), count, boxes, keypoints, np.ones(len(points), bool))


def test_hazard_23_the_same_bytes_under_another_name() -> None:
    (match,) = same_content([_video("test", "abc"), _video("other", "x")], [_video("train", "abc")])
    assert (match.kind, match.evaluated, match.trained) == ("content", "test", "train")


def test_reencoded_frames_match_and_unrelated_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    own = rng.integers(-(2**63), 2**63, 10)
    flipped = [int(value ^ 0b1011) for value in own[:6]]
    others = [int(value) for value in rng.integers(-(2**63), 2**63, 500)]
    (match,) = similar_frames([_video("t", "a", tuple(own))], [_video("train", "b", (*others, *flipped))])
    assert match.share == pytest.approx(0.6)
    assert similar_frames([_video("t", "a", tuple(own))], [_video("train", "b", tuple(others))]) == []
    assert similar_frames([_video("t", "a")], [_video("train", "b", tuple(others))]) == []


@pytest.mark.parametrize(
    "how",
    [{}, {"zoom": 2.5}, {"noise": 2.0}, {"mirror": True}, {"fps": 30.0}, {"start": 1.23, "seconds": 4.5}],
    ids=["same", "zoomed", "redetected", "mirrored", "another rate", "a cut of it"],
)
def test_the_same_motion_is_found(how: dict) -> None:
    strangers = [_tracklet(f"s{seed}", seed) for seed in range(20, 26)]
    (match,) = same_motion([_tracklet("test", 1, **how)], [*strangers, _tracklet("train", 1, 8.0)])
    assert (match.kind, match.evaluated, match.trained) == ("motion", "test", "train")


def test_other_people_and_people_who_stand_still_do_not_match() -> None:
    trained = [_tracklet(f"s{seed}", seed) for seed in range(20, 26)]
    assert same_motion([_tracklet("test", 1)], trained) == []
    still = _tracklet("still", 1)
    still.keypoints[:] = still.keypoints[:1]
    assert same_motion([still], [still]) == []
    assert same_motion([_tracklet("short", 20, 1.0)], trained) == []
