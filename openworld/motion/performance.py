"""Procedural human motion: one lower-body and one upper-body primitive, layered, varied and mirrored.

The families are those of docs/scaling_pilot.md section 2. This is hand-written motion, and everything made
from it says so. T frames, 24 joints of an SMPL-format body, y up, metres, facing +z at heading 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from body.joints import SMPL_24, mirror_permutation
from openworld.motion import acrobatics, lower_body, upper_body, whole_body
from openworld.motion.curves import Clock, Curve, drift, drifts
from openworld.motion.lower_body import LowerBody

Family = Literal["narrow", "broad", "acrobatic"]
Lower = Callable[[np.random.Generator, Clock], LowerBody]
Steer = Callable[[np.random.Generator, Clock], Curve]
Upper = Callable[[np.random.Generator, LowerBody], Curve]

WALKING: tuple[Lower, ...] = (lower_body.walk,)
GAITS: tuple[Lower, ...] = (*WALKING, lower_body.run)
IN_PLACE: tuple[Lower, ...] = (lower_body.stand, lower_body.sit)
NARROW: tuple[Lower, ...] = (*WALKING, *IN_PLACE, lower_body.squat, lower_body.bow)
BROAD: tuple[Lower, ...] = (
    *NARROW, lower_body.run, lower_body.lunge, lower_body.kick, lower_body.jack, lower_body.shift,
)  # fmt: skip
ACROBATIC: tuple[Lower, ...] = (
    acrobatics.crawl, acrobatics.lie, acrobatics.get_up, acrobatics.sit_on_floor, acrobatics.roll, acrobatics.flip,
    acrobatics.cartwheel, acrobatics.handstand, acrobatics.spin, acrobatics.dance, acrobatics.box, acrobatics.leap,
)  # fmt: skip
CHOICES: Mapping[Family, tuple[Lower, ...]] = {"narrow": NARROW, "broad": BROAD, "acrobatic": ACROBATIC}
ARMS: tuple[Upper, ...] = (
    upper_body.swing, upper_body.gesture, upper_body.wave, upper_body.punch, upper_body.overhead, upper_body.clap,
    upper_body.reach,
)  # fmt: skip
ARMS_WHILE_WALKING: tuple[Upper, ...] = (
    upper_body.swing, upper_body.swing, upper_body.gesture, upper_body.wave,
)  # fmt: skip

SPINE_SHARE = {"spine1": 0.4, "spine2": 0.35, "spine3": 0.25}
"""How much of the trunk's bend each joint of the spine takes."""
TREMOR = 0.025
"""sd in radians of the noise on every joint, so that nothing stands perfectly still."""


@dataclass(frozen=True)
class Performance:
    """The motion of one person, apart from who they are, what they wear and where the floor is."""

    name: str
    rotations: npt.NDArray[np.float64]
    """(T, 24, 3, 3) each joint in its parent's frame, the root in the world's."""
    path: npt.NDArray[np.float64]
    """(T, 3) metres; where the body's origin is, apart from its height above the floor."""
    lift: npt.NDArray[np.float64]
    """(T) metres between the lowest point of the body and the floor; with `grounded` False, the root's own height."""
    grounded: bool = True
    """Whether something touches the floor (or is `lift` above it) at each frame; recorded motion knows its own."""

    def scaled(self, share: float) -> "Performance":
        """The same with every step `share` as long; the feet slide a little."""
        return replace(self, path=self.path * share)


def perform(
    rng: np.random.Generator, family: Family, clock: Clock, *, steer: Steer | None = None,
    among: tuple[Lower, ...] | None = None,
) -> Performance:  # fmt: skip
    """One clip of the family, or with a lower body of those in `among`.

    `steer` fixes the heading and leaves out tilts and mirroring.
    """
    choices = among or CHOICES[family]
    step = choices[rng.integers(len(choices))]
    lower = step(rng, clock)
    arms = _arms_for(rng, step)
    pose = _pose(rng, lower, arms(rng, lower) if lower.arms is None else lower.arms)
    facing = (steer or whole_body.wander)(rng, clock)
    tilted = family == "broad" and steer is None and rng.random() < whole_body.TILT_SHARE
    pose[:, 0] = _root(lower, facing, whole_body.tilt(rng, clock) if tilted else None).as_rotvec()
    rotations = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(clock.frames, 24, 3, 3)
    path = whole_body.path(facing, lower.speed, clock) + whole_body.path(facing + np.pi / 2, lower.sideways, clock)
    name = "+".join([step.__name__, *([arms.__name__] if lower.arms is None else []), *(["tilt"] if tilted else [])])
    performance = Performance(name, rotations, path, lower.lift)
    return mirrored(performance) if steer is None and rng.random() < 0.5 else performance


def mirrored(performance: Performance) -> Performance:
    """The same clip seen in a mirror: left and right swapped, x negated."""
    flip = np.diag([-1.0, 1.0, 1.0])
    swapped = performance.rotations[:, mirror_permutation(SMPL_24)]
    return replace(performance, rotations=flip @ swapped @ flip, path=performance.path @ flip)


def _arms_for(rng: np.random.Generator, step: Lower) -> Upper:
    if step is lower_body.jack:
        return upper_body.overhead
    choices = ARMS_WHILE_WALKING if step in GAITS else ARMS
    return choices[rng.integers(len(choices))]


def _root(lower: LowerBody, facing: Curve, tilt: Rotation | None) -> Rotation:
    still = lower.clock.still()
    turned = Rotation.from_rotvec(np.stack([still, facing, still], 1))
    leaning = Rotation.from_rotvec(np.stack([lower.hinge * lower.bend, still, still], 1))
    if lower.whole is not None:
        turned = turned * lower.whole
    return turned * leaning if tilt is None else turned * tilt * leaning


def _pose(rng: np.random.Generator, lower: LowerBody, arms: Curve) -> Curve:
    """(T, 24, 3) axis-angle of every joint but the root."""
    clock = lower.clock
    pose = np.zeros((clock.frames, 24, 3))
    place = {name: i for i, name in enumerate(SMPL_24)}
    for column, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
        _legs(rng, pose, place, side, sign, lower, column)
        _arms(rng, pose, place, side, sign, arms[:, column], clock)
    for name, share in SPINE_SHARE.items():
        pose[:, place[name]] = share * np.stack([lower.bend, lower.twist, lower.side], 1)
    look = np.stack([drift(rng, clock, 0.12, 0.6), drift(rng, clock, 0.25, 0.5), drift(rng, clock, 0.08, 0.5)], 1)
    pose[:, place["neck"]], pose[:, place["head"]] = look, 0.6 * look
    pose[:, 1:] += drifts(rng, clock, 69, TREMOR, 2.0).reshape(-1, 23, 3)
    return pose


def _legs(
    rng: np.random.Generator, pose: Curve, place: dict[str, int], side: str, sign: float, lower: LowerBody, column: int
) -> None:
    still = lower.clock.still()
    toes_out = lower.clock.still(sign * rng.uniform(0, 0.2))
    outward = Rotation.from_rotvec(np.stack([still, toes_out, sign * lower.spread[:, column]], 1))
    forward = Rotation.from_rotvec(np.stack([-lower.hip[:, column], still, still], 1))
    pose[:, place[f"{side}_hip"]] = (forward * outward).as_rotvec()
    pose[:, place[f"{side}_knee"], 0] = np.maximum(lower.knee[:, column], 0)
    pose[:, place[f"{side}_ankle"], 0] = lower.ankle[:, column]


def _arms(
    rng: np.random.Generator, pose: Curve, place: dict[str, int], side: str, sign: float, arm: Curve, clock: Clock
) -> None:
    """The left arm's rotations, mirrored for the right; part of a high arm comes from the collar bone."""
    flexion, abduction, twist, elbow = arm.T
    still, mirror = clock.still(), np.array([1.0, sign, sign])
    shoulder = (
        Rotation.from_rotvec(np.stack([-flexion, still, still], 1))
        * Rotation.from_rotvec(np.stack([still, still, abduction - np.pi / 2], 1))
        * Rotation.from_rotvec(np.stack([twist, still, still], 1))
    )
    pose[:, place[f"{side}_shoulder"]] = shoulder.as_rotvec() * mirror
    pose[:, place[f"{side}_elbow"]] = np.stack([still, -np.clip(elbow, 0, 2.5), still], 1) * mirror
    pose[:, place[f"{side}_collar"], 2] = sign * 0.18 * np.clip(abduction - 0.3, 0, 2)
    pose[:, place[f"{side}_wrist"]] = drifts(rng, clock, 3, 0.12, 1.0)
