"""How a real detector errs: noise for true keypoints, fitted to BlazePose on rendered films.

Source of the figures: docs/scaling_pilot.md section 2 (errors measured over 12 joints: median 2.1 % of the
person's box, mean 3.4 %, 95th percentile 10 %; correlated 0.7 from frame to frame; bursts of five frames in which a
joint is far off, missing, or swapped with the other side).  F frames, 25 joints.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from body.joints import KEYPOINTS_25, mirror_permutation

_EASY, _HARD = 0.7, 1.4
_HARD_PARTS = ("heel", "toe")
_EASY_PARTS = ("nose", "eye", "ear")


def _joint_scale() -> np.ndarray:
    """Feet err more and faces less than limbs: the embedded backend on 97 people of films (docs/LOG.md); (25,)."""
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
"""Slots of the arms and of the legs, left and right in turn."""


@dataclass(frozen=True)
class NoiseModel:
    """Shares are of the longer side of the person's box, probabilities of a burst unless said."""

    deviation: float = 0.0165
    """Standard deviation of x and of y, before the joint's own scale."""
    correlation: float = 0.7
    """From one frame to the next."""
    burst_frames: int = 5
    tail: float = 0.08
    tail_factor: float = 5.0
    missing: float = 0.05
    limb_swap: float = 0.04
    body_swap: float = 0.007
    person_missed: float = 0.02
    """Nobody is detected where somebody is."""


NO_NOISE = NoiseModel(0.0, 0.0, 1, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
"""The truth itself."""


@dataclass(frozen=True)
class NoisyLabels:
    """What the detector says in F frames: keypoints (x, y px, score) and whether it sees the person."""

    keypoints_F25x3: np.ndarray
    seen_F: np.ndarray


def noisy(true_F25x3: np.ndarray, side_F: np.ndarray, model: NoiseModel, rng: np.random.Generator) -> NoisyLabels:
    """Labels of one person. `true` is x, y px and visible (0 or 1); `side` is the longer side of the box, px.

    A joint that is hidden in truth keeps a low score, as a detector guesses it; one that is missing scores 0.
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
    """Draws (F, columns) booleans that hold for whole bursts."""

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
