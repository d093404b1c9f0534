"""Noise for true keypoints, fitted to the errors of BlazePose on rendered films.

Measured over 12 joints (docs/scaling_pilot.md, section 2): median error 2.1 % of the longer side of the person's box,
mean 3.4 %, 95th percentile 10 %; correlation 0.7 from frame to frame; bursts of five frames in which a joint is far
off, missing, or exchanged with the other side. Letters: F frames, 25 joints.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from body.joints import KEYPOINTS_25, mirror_permutation

_EASY, _HARD = 0.7, 1.4
_HARD_PARTS = ("heel", "toe")
_EASY_PARTS = ("nose", "eye", "ear")


def _joint_scale() -> np.ndarray:
    """(25) factor of each joint: errors of feet are larger and of faces smaller than of limbs (docs/LOG.md)."""
    scale = np.ones(25)
    for slot, name in enumerate(KEYPOINTS_25):
        if any(part in name for part in _HARD_PARTS):
            scale[slot] = _HARD
        elif any(part in name for part in _EASY_PARTS):
            scale[slot] = _EASY
    return scale


_LIMB_PAIRS = [
    [KEYPOINTS_25.index(f"{side}_{joint}") for joint in joints for side in ("left", "right")]
    for joints in (("elbow", "wrist"), ("knee", "ankle", "heel", "big_toe", "small_toe"))
]
"""Joints of the arms and of the legs, left and right in turn."""


@dataclass(frozen=True)
class NoiseModel:
    """Lengths are in parts of the longer side of the person's box. `tail` to `person_missed` are the probabilities of a
    burst with that error."""

    deviation: float = 0.0165
    """Standard deviation of x and of y, before the joint's own scale."""
    correlation: float = 0.7
    """From one frame to the next."""
    burst_frames: int = 5
    tail: float = 0.08
    """A joint's deviation is multiplied by `tail_factor`."""
    tail_factor: float = 5.0
    missing: float = 0.05
    """A joint has score 0."""
    limb_swap: float = 0.04
    """Left and right of the arms, or of the legs, are exchanged."""
    body_swap: float = 0.007
    """Left and right of the whole body are exchanged."""
    person_missed: float = 0.02
    """The detector does not see the person."""


NO_NOISE = NoiseModel(
    deviation=0.0, correlation=0.0, burst_frames=1, tail=0.0, tail_factor=1.0, missing=0.0, limb_swap=0.0,
    body_swap=0.0, person_missed=0.0,
)  # fmt: skip
"""The truth itself."""


@dataclass(frozen=True)
class NoisyLabels:
    """Keypoints (x, y px, score) in F frames, and whether the detector sees the person."""

    keypoints_F25x3: np.ndarray
    seen_F: np.ndarray


def noisy(true_F25x3: np.ndarray, side_F: np.ndarray, model: NoiseModel, rng: np.random.Generator) -> NoisyLabels:
    """Labels of one person. `true_F25x3`: x, y px and visible (0 or 1). `side_F`: longer side of the person's box, px.

    A hidden joint has a low score, since detectors guess it; a missing one has score 0.
    """
    frames = len(true_F25x3)
    bursts = _bursts(frames, model.burst_frames, rng)
    far_F25 = bursts(model.tail, 25)
    share_F25x2 = model.deviation * _correlated((frames, 25, 2), model.correlation, rng)
    share_F25x2 *= (_joint_scale() * np.where(far_F25, model.tail_factor, 1.0))[..., None]
    points = true_F25x3[..., :2] + share_F25x2 * side_F[:, None, None]
    score_F25 = _scores(far_F25, true_F25x3[..., 2] > 0, model, rng)
    score_F25[bursts(model.missing, 25)] = 0
    labels = np.concatenate([points, score_F25[..., None]], -1).astype(np.float32)
    return NoisyLabels(_swapped(labels, model, bursts), ~bursts(model.person_missed, 1)[:, 0])


def _bursts(frames: int, length: int, rng: np.random.Generator) -> Callable[[float, int], np.ndarray]:
    """A function that draws (F, columns) booleans, each constant over a burst."""

    def draw(probability: float, columns: int) -> np.ndarray:
        happens = rng.random((-(-frames // length), columns)) < probability
        return np.repeat(happens, length, axis=0)[:frames]

    return draw


def _correlated(shape: tuple[int, int, int], correlation: float, rng: np.random.Generator) -> np.ndarray:
    """Unit Gaussian noise, first-order autoregressive along the frames."""
    noise = rng.normal(size=shape)
    for f in range(1, shape[0]):
        noise[f] = correlation * noise[f - 1] + np.sqrt(1 - correlation**2) * noise[f]
    return noise


def _scores(far_F25: np.ndarray, visible_F25: np.ndarray, model: NoiseModel, rng: np.random.Generator) -> np.ndarray:
    if model.deviation == 0:
        return np.where(visible_F25, 1.0, 0.25)
    score = np.where(far_F25, rng.uniform(0.35, 0.85, far_F25.shape), rng.uniform(0.8, 1.0, far_F25.shape))
    return np.asarray(np.where(visible_F25, score, 0.4 * score))


def _swapped(labels: np.ndarray, model: NoiseModel, bursts: Callable[[float, int], np.ndarray]) -> np.ndarray:
    other = np.array(mirror_permutation(KEYPOINTS_25))
    out = labels.copy()
    for slots in _LIMB_PAIRS:
        rows = bursts(model.limb_swap, 1)[:, 0]
        out[:, slots] = np.where(rows[:, None, None], labels[:, other[slots]], out[:, slots])
    rows = bursts(model.body_swap, 1)[:, 0]
    out[rows] = labels[rows][:, other]
    return out
