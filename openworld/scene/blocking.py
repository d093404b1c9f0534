"""Who is in a shot and where they go, for each kind of film. World frame: y up, metres, floor at y = 0."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from openworld.motion import whole_body
from openworld.motion.curves import Clock
from openworld.motion.performance import Performance, Steer, perform
from openworld.motion.recorded import recorded
from openworld.plan import FilmPlan
from openworld.scene.actor import Actor, cast
from openworld.scene.camera import Stance, random_stance
from openworld.scene.figure import Figure

CROSSING_TRAVEL_M = 1.0
"""Farthest from the middle that people go who cross."""
LANE_M = 0.9
"""Depth between the paths of people who cross: they pass, they do not walk through each other."""
NEAREST_M = 2.0
"""No camera is nearer to a recorded person's path."""
TRAVEL_SHARE = 0.3
"""Farthest from the middle that one person goes, as a share of the camera's distance: nobody walks into it."""
LEAVING_TRAVEL_M = 1.6
"""Least half-length of the path of somebody who leaves the frame, twice what the frame shows beside them."""
PILLAR_M = (0.7, 2.6, 0.3)
"""Width, height and depth of what people hide behind: wider than a walking person's trunk."""

FROM_PILLAR_M = 4.5
"""Least distance of the camera from who hides, or the pillar would fill the frame."""


@dataclass(frozen=True)
class Blocking:
    """A stage with its actors, before there is a camera."""

    actors: list[Actor]
    stance: Stance
    framed: npt.NDArray[np.int64]
    """(T) the frame whose positions the camera must have in view, for each frame"""
    pillar: npt.NDArray[np.float64] | None = None
    """(6) lowest and highest x, y, z of a box in the foreground"""


def block(rng: np.random.Generator, figure: Figure, plan: FilmPlan, clock: Clock) -> Blocking:
    """The actors and their places for the plan's kind of film."""
    stance = random_stance(rng, plan.camera)
    throughout = np.arange(clock.frames)
    if plan.take is not None:
        return _on_record(rng, figure, plan, clock, stance)
    if plan.kind in ("crossing", "four"):
        lanes = 2 if plan.kind == "crossing" else 4
        stance = replace(stance, follows=False, distance=max(stance.distance, 1.2 * lanes))
        return Blocking(_crossing(rng, figure, plan, clock, stance, lanes), stance, throughout)
    if plan.kind == "hidden":
        return _hidden(rng, figure, plan, clock, stance)
    if plan.kind == "away":
        return _away(rng, figure, plan, clock, stance)
    actors = [] if plan.kind == "empty" else [_alone(rng, figure, plan, clock, stance)]
    return Blocking(actors, stance, throughout)


def _alone(rng: np.random.Generator, figure: Figure, plan: FilmPlan, clock: Clock, stance: Stance) -> Actor:
    performance = perform(rng, plan.family, clock)
    return cast(rng, figure, _kept_near(performance, TRAVEL_SHARE * stance.distance))


def _on_record(rng: np.random.Generator, figure: Figure, plan: FilmPlan, clock: Clock, stance: Stance) -> Blocking:
    """A recorded person goes where they went; the camera keeps away from the path instead of shortening it."""
    assert plan.take is not None
    performance = recorded(plan.take.path, plan.fps, plan.take.first, clock.frames)
    farthest = float(np.linalg.norm(performance.path, axis=1).max())
    stance = replace(stance, distance=max(stance.distance, farthest + NEAREST_M))
    return Blocking([cast(rng, figure, performance)], stance, np.arange(clock.frames))


def _crossing(
    rng: np.random.Generator, figure: Figure, plan: FilmPlan, clock: Clock, stance: Stance, lanes: int
) -> list[Actor]:
    """People who walk past each other across the camera's view, each in a lane of their own, directions alternating."""
    actors = []
    for lane in range(lanes):
        across = stance.azimuth + (1 - 2 * (lane % 2)) * np.pi / 2 + rng.normal(0, 0.1)
        performance = _walker(rng, plan, clock, partial(whole_body.straight, towards=across))
        actor = cast(rng, figure, _kept_near(performance, CROSSING_TRAVEL_M))
        actors.append(actor.moved(((lanes - 1) / 2 - lane) * LANE_M * _towards_camera(stance)))
    return actors


def _hidden(rng: np.random.Generator, figure: Figure, plan: FilmPlan, clock: Clock, stance: Stance) -> Blocking:
    """Somebody walks behind a pillar and comes out on its other side."""
    across = stance.azimuth + np.pi / 2
    performance = _walker(rng, plan, clock, partial(whole_body.straight, towards=across))
    actor = cast(rng, figure, _kept_near(performance, CROSSING_TRAVEL_M))
    middle = 0.8 * _towards_camera(stance)
    width, height, depth = PILLAR_M
    half = np.abs(np.sin(stance.azimuth)) * np.array([depth, 0, width]) / 2
    half += np.abs(np.cos(stance.azimuth)) * np.array([width, 0, depth]) / 2
    pillar = np.concatenate([middle - half, middle + half + (0, height, 0)])
    stance = replace(stance, follows=False, distance=max(stance.distance, FROM_PILLAR_M))
    return Blocking([actor], stance, np.arange(clock.frames), pillar)


def _away(rng: np.random.Generator, figure: Figure, plan: FilmPlan, clock: Clock, stance: Stance) -> Blocking:
    """Somebody walks out of the frame, turns and comes back; the camera waits."""
    across = stance.azimuth + np.pi / 2
    performance = _walker(rng, plan, clock, partial(whole_body.there_and_back, towards=across))
    farthest = float(np.linalg.norm(performance.path, axis=1).max())
    performance = performance.scaled(max(1.0, LEAVING_TRAVEL_M / farthest))
    frame = np.arange(clock.frames)
    near = (frame < clock.frames * 0.2) | (frame > clock.frames * 0.8)
    stance = replace(stance, follows=False, shakes=False)
    return Blocking([cast(rng, figure, performance)], stance, np.where(near, frame, 0))


def _walker(rng: np.random.Generator, plan: FilmPlan, clock: Clock, steer: Steer) -> Performance:
    return perform(rng, plan.family, clock, steer=steer, walking=True)


def _towards_camera(stance: Stance) -> npt.NDArray[np.float64]:
    return np.array([np.sin(stance.azimuth), 0.0, np.cos(stance.azimuth)])


def _kept_near(performance: Performance, limit: float) -> Performance:
    """The same with its path shortened, where it leads farther than `limit` metres from its middle."""
    farthest = float(np.linalg.norm(performance.path, axis=1).max())
    return performance if farthest <= limit else performance.scaled(limit / farthest)
