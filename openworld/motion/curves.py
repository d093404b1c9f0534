"""Curves over time that motions are made of: noise, keyframes, beats. T frames; angles in radians."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Clock:
    """How long a clip is and how finely it is cut."""

    frames: int
    fps: float

    @property
    def seconds(self) -> Curve:
        """(T) time of each frame."""
        return np.arange(self.frames) / self.fps

    def still(self, value: float = 0.0) -> Curve:
        """(T) the same value throughout."""
        return np.full(self.frames, value)


def drift(rng: np.random.Generator, clock: Clock, amplitude: float, hertz: float) -> Curve:
    """(T) smooth noise: a cubic spline through normal values of sd `amplitude`, `hertz` of them a second."""
    return drifts(rng, clock, 1, amplitude, hertz)[:, 0]


def drifts(rng: np.random.Generator, clock: Clock, channels: int, amplitude: float, hertz: float) -> Curve:
    """(T, channels) independent curves, each drawn as by `drift`, in a fraction of the time."""
    knots = max(int(clock.frames / clock.fps * hertz) + 4, 5)
    values = rng.normal(0, amplitude, (channels, knots))
    spline = CubicSpline(np.linspace(0, clock.frames, knots), values, axis=1)
    return np.asarray(spline(np.arange(clock.frames)).T)


def keyframes(
    rng: np.random.Generator,
    clock: Clock,
    low: Sequence[float],
    high: Sequence[float],
    move_s: tuple[float, float] = (0.35, 1.1),
    hold_s: float = 0.3,
) -> Curve:
    """(T, K) random poses between `low` and `high`, each reached by a minimum-jerk move and held for a while."""
    lowest, highest = np.asarray(low), np.asarray(high)
    pose = rng.uniform(lowest, highest)
    pieces: list[Curve] = []
    length = 0
    while length < clock.frames:
        moving = max(int(rng.uniform(*move_s) * clock.fps), 3)
        holding = int(rng.uniform(0, hold_s) * clock.fps)
        target = pose + (rng.uniform(lowest, highest) - pose) * rng.uniform(0.4, 1.0)
        pieces += [pose + (target - pose) * minimum_jerk(moving)[:, None], np.tile(target, (holding, 1))]
        length += moving + holding
        pose = target
    return np.concatenate(pieces)[: clock.frames]


def minimum_jerk(frames: int) -> Curve:
    """(frames) from 0 to 1 as a human hand would go (Flash and Hogan 1985)."""
    u = np.linspace(0, 1, frames)
    return np.asarray(10 * u**3 - 15 * u**4 + 6 * u**5)


def beat(phase: Curve) -> Curve:
    """(T) from 0 to 1 and back once a turn of `phase`."""
    return np.asarray(0.5 - 0.5 * np.cos(phase))


def pulse(phase: Curve, sharpness: float = 1.0) -> Curve:
    """(T) the upper half of a sine wave, raised to a power."""
    return np.asarray(np.maximum(0, np.sin(phase)) ** sharpness)
