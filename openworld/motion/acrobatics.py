"""Motion off the feet and in the air: floor work, rolls, flips, turns, boxing and fast dance. One function a primitive.

Each gives a `LowerBody` whose `whole` turns the body as one piece (T rotations, applied before the heading), and mostly
arms of its own. Hand-written, as everything in this folder. T frames; radians; metres. Body axes: x left, y up, z
forward, so that a positive turn about x falls forward.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from openworld.motion.curves import Clock, Curve, drift, keyframes, minimum_jerk, pulse
from openworld.motion.lower_body import LowerBody, crouch, fidget, slow_phase
from openworld.motion.upper_body import arms_of

HALF_TURN = np.pi


def crawl(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """On hands and knees or hands and feet, forward."""
    rate = rng.uniform(0.6, 1.3)
    body = LowerBody(clock, np.asarray(2 * np.pi * (rate * clock.seconds + rng.uniform())))
    on_feet, step = rng.random() < 0.4, rng.uniform(0.15, 0.45)
    swings = np.stack([np.cos(body.phase), np.cos(body.phase + HALF_TURN)], 1)
    body.hip = rng.uniform(1.3, 1.8) + step * swings
    body.knee = rng.uniform(0.5, 1.1) + 0.3 * swings if on_feet else rng.uniform(1.3, 1.7) + 0.2 * swings
    body.ankle += rng.uniform(-0.6, 0.8)
    body.spread += rng.uniform(0.05, 0.3)
    body.whole = _turned(rng.uniform(1.2, 1.8) + drift(rng, clock, 0.08, 0.6), 0.15 * np.sin(body.phase))
    reach = rng.uniform(1.3, 1.8)
    body.arms = arms_of(clock, reach - step * swings, rng.uniform(0.05, 0.35), 0.0, rng.uniform(0.1, 0.6))
    body.speed = 1.2 * step * rate
    body.side = 0.1 * np.sin(body.phase)
    return body


def lie(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """On the back, the front or a side, and moving there."""
    body = _limbs(rng, clock, (1.0, 2.5))
    fall, side = _down(rng, clock)
    body.whole = _turned(fall, side + drift(rng, clock, 0.3, 0.4))
    return body


def get_up(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """From lying by way of a crouch to standing, or down again."""
    body = LowerBody(clock, slow_phase(rng, clock))
    risen = _passage(rng, clock, (0.9, 2.0))
    if rng.random() < 0.35:
        risen = 1 - risen
    crouched = np.sin(np.pi * risen) ** rng.uniform(0.6, 1.2)
    fall = rng.choice((-1.0, 1.0)) * rng.uniform(1.2, 1.6)
    lean = fall * (1 - risen) ** rng.uniform(0.7, 1.5) + 0.5 * crouched * (rng.random() < 0.6)
    body.whole = _turned(lean, rng.normal(0, 0.3) * crouched)
    for leg in (0, 1):
        body.hip[:, leg] = crouched * rng.uniform(0.9, 2.0) + (1 - risen) * rng.uniform(-0.1, 0.4)
        body.knee[:, leg] = crouched * rng.uniform(0.9, 2.2) + (1 - risen) * rng.uniform(0.0, 0.5)
        body.spread[:, leg] = rng.uniform(0.0, 0.4) * (0.4 + crouched)
    body.bend = crouched * rng.uniform(0.0, 0.7)
    flexion = np.stack([crouched * rng.uniform(-0.8, 1.4) + (1 - risen) * rng.uniform(-0.2, 2.0) for _ in "LR"], 1)
    body.arms = arms_of(clock, flexion, 0.2 + rng.uniform(0, 0.8) * (1 - risen), 0.0, rng.uniform(0.1, 0.9))
    fidget(rng, body)
    return body


def sit_on_floor(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """On the floor: legs before one, crossed, knees up, or kneeling."""
    body = LowerBody(clock, slow_phase(rng, clock))
    kneels = rng.random() < 0.4
    lean = rng.uniform(-0.1, 0.6) if kneels else rng.uniform(-0.6, 0.2)
    for leg in (0, 1):
        body.knee[:, leg] = (rng.uniform(1.6, 2.5) if kneels else rng.uniform(0.0, 2.2)) + drift(rng, clock, 0.12, 0.5)
        # Seated, the foot is as high as the pelvis: the knee rises by half of its own bend.
        body.hip[:, leg] = lean + (rng.uniform(0.0, 0.9) if kneels else np.pi / 2 + body.knee[:, leg] / 2)
        body.spread[:, leg] = rng.uniform(0.0, 0.7)
    body.ankle += 0.9 * kneels
    body.bend += rng.uniform(-0.3, 0.6) + drift(rng, clock, 0.15, 0.5)
    body.whole = _turned(lean + drift(rng, clock, 0.08, 0.5), drift(rng, clock, 0.08, 0.5))
    fidget(rng, body)
    return body


def roll(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """A roll over the back, forward or backward, from a crouch to a crouch."""
    body = LowerBody(clock, slow_phase(rng, clock))
    turned, tucked = _turnover(rng, clock, (0.7, 1.5))
    sign = rng.choice((-1.0, 1.0), p=(0.3, 0.7))
    body.whole = _turned(sign * 2 * np.pi * turned, drift(rng, clock, 0.12, 0.5))
    crouch(rng, body, 0.9 + tucked * rng.uniform(0.8, 1.3))
    body.bend += (0.3 + tucked) * rng.uniform(0.4, 0.9)
    reach = rng.uniform(0.8, 1.8)
    body.arms = arms_of(clock, reach + 0.4 * tucked, rng.uniform(0.05, 0.4), 0.0, 0.4 + rng.uniform(0.3, 1.3) * tucked)
    body.speed = sign * rng.uniform(0.3, 0.9)
    return body


def flip(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """A somersault in the air, backward or forward, from and to the feet."""
    body = LowerBody(clock, slow_phase(rng, clock))
    turned, tucked = _turnover(rng, clock, (0.5, 0.9))
    sign = rng.choice((-1.0, 1.0), p=(0.65, 0.35))
    body.whole = _turned(sign * 2 * np.pi * turned, drift(rng, clock, 0.06, 0.5))
    depth = rng.uniform(0.6, 1.2) * np.sin(np.pi * _window(turned, 0.02, 0.3)) + tucked * rng.uniform(0.3, 2.0)
    crouch(rng, body, depth)
    body.bend += tucked * rng.uniform(0.0, 0.7)
    body.lift = rng.uniform(0.3, 0.8) * tucked
    raised = rng.uniform(2.0, 2.9) * np.sin(np.pi * np.clip(turned * 1.4, 0, 1))
    body.arms = arms_of(clock, raised, rng.uniform(0.1, 0.6), 0.0, rng.uniform(0.1, 0.6) + tucked)
    body.speed = sign * rng.uniform(0.0, 0.6)
    return body


def cartwheel(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Sideways over the hands, legs apart."""
    body = LowerBody(clock, slow_phase(rng, clock))
    turned, over = _turnover(rng, clock, (0.8, 1.6))
    sign = rng.choice((-1.0, 1.0))
    body.whole = _turned(0.25 * over * rng.normal(), sign * 2 * np.pi * turned)
    body.spread = 0.1 + over[:, None] * rng.uniform(0.4, 0.95, 2)
    body.hip += over[:, None] * rng.uniform(-0.2, 0.5, 2)
    body.knee += over[:, None] * rng.uniform(0.0, 0.4, 2)
    raised = 0.4 + (2.6 - 0.4) * np.clip(over * 1.6, 0, 1)
    body.arms = arms_of(clock, rng.uniform(0, 0.4) * over, raised, 0.0, rng.uniform(0.05, 0.3))
    body.sideways = -sign * rng.uniform(0.6, 1.2)
    return body


def handstand(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Up onto the hands and down, or most of the way."""
    body = _limbs(rng, clock, (0.2, 0.6))
    up = np.sin(np.pi * _passage(rng, clock, (1.2, 2.4))) ** 0.7
    body.whole = _turned(rng.uniform(2.4, 3.3) * up, drift(rng, clock, 0.1, 0.5))
    body.hip += (np.sin(np.pi * up) * rng.uniform(0.2, 1.2))[:, None]
    body.arms = arms_of(clock, rng.uniform(2.3, 3.0) * np.clip(2 * up, 0, 1), rng.uniform(0.1, 0.4), 0.0, 0.1)
    return body


def spin(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Turns about the vertical, on one or both feet, some with a leg raised or kicked."""
    body = _limbs(rng, clock, (0.2, 0.5))
    turns = rng.uniform(0.5, 2.0) * rng.choice((-1.0, 1.0))
    facing = 2 * np.pi * turns * _passage(rng, clock, (0.8, 2.2))
    if rng.random() < 0.5:
        height = pulse(2 * np.pi * rng.uniform(0.4, 0.9) * clock.seconds + rng.uniform(0, 6), 2)
        body.hip[:, 1] += height * rng.uniform(0.6, 1.7)
        body.spread[:, 1] += height * rng.uniform(0.0, 0.8)
        body.lift = 0.25 * height * (rng.random() < 0.4)
    lean = Rotation.from_rotvec(_leaning(rng, clock))
    body.whole = Rotation.from_rotvec(np.stack([clock.still(), facing, clock.still()], 1)) * lean
    return body


def dance(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Fast changes of stance, with turns and sway."""
    body = _limbs(rng, clock, (0.6, 1.2), move_s=(0.2, 0.6))
    body.side = body.side + drift(rng, clock, 0.25, 1.2)
    body.twist = body.twist + drift(rng, clock, 0.4, 1.2)
    facing = np.cumsum(drift(rng, clock, 2.0, 0.8)) / clock.fps
    lean = Rotation.from_rotvec(_leaning(rng, clock))
    body.whole = Rotation.from_rotvec(np.stack([clock.still(), facing, clock.still()], 1)) * lean
    body.lift = rng.uniform(0, 0.15) * pulse(2 * np.pi * rng.uniform(0.8, 2.0) * clock.seconds)
    body.speed = rng.uniform(-0.5, 0.5)
    return body


def box(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Fists up, in a stance with bent knees, weaving and turning into each punch."""
    body = LowerBody(clock, np.asarray(2 * np.pi * (rng.uniform(0.7, 1.8) * clock.seconds + rng.uniform())))
    lead = rng.permutation(2)
    body.hip[:, lead[0]], body.hip[:, lead[1]] = rng.uniform(0.3, 0.8), rng.uniform(-0.3, 0.2)
    body.knee += rng.uniform(0.2, 0.8) + drift(rng, clock, 0.15, 1.0)[:, None]
    body.spread += rng.uniform(0.05, 0.35)
    outs = np.stack([pulse(body.phase + offset, rng.uniform(2, 5)) for offset in (0.0, np.pi)], 1)
    body.twist = rng.uniform(0.3, 0.8) * (outs[:, 1] - outs[:, 0]) + drift(rng, clock, 0.2, 0.8)
    body.bend += rng.uniform(0.05, 0.5) + drift(rng, clock, 0.15, 0.8)
    body.side = drift(rng, clock, 0.2, 1.0)
    guard = rng.uniform(0.3, 0.9)
    flexion = guard + outs * rng.uniform(0.5, 1.2, 2)
    body.arms = arms_of(clock, flexion, rng.uniform(0.1, 0.5), rng.uniform(-0.4, 0.4), 2.2 * (1 - 0.9 * outs))
    body.whole = Rotation.from_rotvec(np.stack([clock.still(), drift(rng, clock, 0.4, 0.7), clock.still()], 1))
    body.speed = rng.uniform(-0.6, 0.6)
    return body


def leap(rng: np.random.Generator, clock: Clock) -> LowerBody:
    """Crouch, jump with a swing of the arms, and land, on the spot or forward."""
    body = LowerBody(clock, np.asarray(2 * np.pi * (rng.uniform(0.45, 0.9) * clock.seconds + rng.uniform())))
    air, down = pulse(body.phase), pulse(body.phase + HALF_TURN, 0.8)
    crouch(rng, body, down * rng.uniform(0.6, 1.7) + air * rng.uniform(0.0, 1.2))
    body.bend += down * rng.uniform(0.1, 0.8)
    body.hinge = 0.5
    body.lift = rng.uniform(0.15, 0.6) * air
    back, high = rng.uniform(-1.0, 0.0), rng.uniform(0.4, 2.9)
    body.arms = arms_of(clock, back * down + high * air, rng.uniform(0.1, 0.6), 0.0, rng.uniform(0.1, 0.6))
    body.speed = rng.uniform(0.0, 1.8)
    fidget(rng, body)
    return body


def _limbs(
    rng: np.random.Generator, clock: Clock, share: tuple[float, float], move_s: tuple[float, float] = (0.35, 1.1)
) -> LowerBody:
    """Legs and trunk that go from one random stance to the next, each within `share` of the widest."""
    body = LowerBody(clock, slow_phase(rng, clock))
    wide = np.minimum(rng.uniform(*share), 1.6)
    low = wide * np.array((-0.4, -0.4, 0, 0, -0.05, -0.05, -0.3, -0.3, -0.5))
    high = wide * np.array((1.3, 1.3, 1.5, 1.5, 0.5, 0.5, 0.5, 0.3, 0.5))
    stances = keyframes(rng, clock, low.tolist(), high.tolist(), move_s)
    body.hip, body.knee, body.spread = stances[:, 0:2], stances[:, 2:4], stances[:, 4:6]
    body.bend, body.side, body.twist = stances[:, 6], stances[:, 7], stances[:, 8]
    return body


def _down(rng: np.random.Generator, clock: Clock) -> tuple[Curve, float]:
    """Turn about x that lays the body on its back or front, and about z where it lies on a side."""
    on_side = rng.random() < 0.3
    fall = rng.choice((-1.0, 1.0)) * rng.uniform(1.25, 1.75) * (0.3 if on_side else 1.0)
    side = rng.choice((-1.0, 1.0)) * rng.uniform(1.2, 1.7) if on_side else rng.normal(0, 0.25)
    return fall + drift(rng, clock, 0.12, 0.5), float(side)


def _leaning(rng: np.random.Generator, clock: Clock) -> Curve:
    return np.stack([drift(rng, clock, 0.15, 0.6), clock.still(), drift(rng, clock, 0.15, 0.6)], 1)


def _turned(about_x: Curve, about_z: Curve) -> Rotation:
    still = np.zeros_like(about_x)
    sideways = Rotation.from_rotvec(np.stack([still, still, still + about_z], 1))
    return sideways * Rotation.from_rotvec(np.stack([about_x, still, still], 1))


def _passage(rng: np.random.Generator, clock: Clock, seconds: tuple[float, float]) -> Curve:
    """(T) from 0 to 1 along a minimum-jerk curve that takes so many seconds, somewhere in the clip."""
    length = max(int(rng.uniform(*seconds) * clock.fps), 3)
    start = int(rng.uniform(-0.2, 0.8) * max(clock.frames - length, 1))
    curve = minimum_jerk(length)
    return np.asarray(curve[np.clip(np.arange(clock.frames) - start, 0, length - 1)])


def _turnover(rng: np.random.Generator, clock: Clock, seconds: tuple[float, float]) -> tuple[Curve, Curve]:
    """(T) share of one turn that is done, and a bump that is 1 in its middle."""
    turned = _passage(rng, clock, seconds)
    return turned, np.sin(np.pi * turned)


def _window(share: Curve, first: float, last: float) -> Curve:
    """(T) 0 to 1 while `share` goes from `first` to `last`."""
    return np.clip((share - first) / (last - first), 0, 1)
