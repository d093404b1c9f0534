"""One shot: who is in it, where the camera stands, and its frames with what is true in each.

T frames, P people; camera frame x right, y down, z forward, metres.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from body.raster import Rasteriser
from body.raster_kernels import Bytes, Floats
from openworld.actor import Actor, cast
from openworld.camera import Camera, Stance, place_camera, random_stance
from openworld.curves import Clock
from openworld.figure import Figure
from openworld.motion import Performance, perform
from openworld.plan import FilmPlan
from openworld.recorded import recorded
from openworld.scenery import Backdrop, Scenery, random_scenery
from openworld.seeds import generator

CROSSING_TRAVEL_M = 1.0
"""Farthest from the middle that people go who cross."""
CROSSING_GAP_M = 0.9
"""Depth between the two paths: people pass, they do not walk through each other."""
NEAREST_M = 2.0
"""No camera is nearer to a recorded person's path."""
TRAVEL_SHARE = 0.3
"""Farthest from the middle that one person goes, as a share of the camera's distance: nobody walks into it."""


@dataclass(frozen=True)
class Shot:
    """Everything that a shot's pixels and truth follow from."""

    actors: list[Actor]
    camera: Camera
    scenery: Scenery
    clock: Clock
    grain_seed: tuple[int, str, str, int]


def stage(plan: FilmPlan, number: int, figure: Figure) -> Shot:
    """Shot `number` of a film, drawn from the film's own random numbers."""
    rng = generator(plan.seed, "shot", plan.film_id, number)
    clock = Clock(plan.frames[number], plan.fps)
    stance = random_stance(rng, plan.camera)
    if plan.take is not None:
        actors, stance = _on_record(rng, figure, plan, clock, stance)
    elif plan.kind == "crossing":
        stance = replace(stance, follows=False)
        actors = _crossing(rng, figure, plan, clock, stance)
    else:
        actors = [] if plan.kind == "empty" else [_alone(rng, figure, plan, clock, stance)]
    return frame_shot(rng, figure, actors, stance, clock, plan, number)


def frame_shot(
    rng: np.random.Generator, figure: Figure, actors: list[Actor], stance: Stance, clock: Clock, plan: FilmPlan,
    number: int,
) -> Shot:  # fmt: skip
    """Puts a camera and a scene around actors."""
    people = [actor.keypoints(figure) for actor in actors]
    camera = place_camera(rng, stance, people, clock, (plan.width, plan.height))
    scenery = random_scenery(rng, camera, people)
    return Shot(actors, camera, scenery, clock, (plan.seed, "grain", plan.film_id, number))


def _alone(rng: np.random.Generator, figure: Figure, plan: FilmPlan, clock: Clock, stance: Stance) -> Actor:
    performance = perform(rng, plan.family, clock)
    return cast(rng, figure, _kept_near(performance, TRAVEL_SHARE * stance.distance))


def _on_record(
    rng: np.random.Generator, figure: Figure, plan: FilmPlan, clock: Clock, stance: Stance
) -> tuple[list[Actor], Stance]:
    """A recorded person goes where they went; the camera keeps away from the path instead of shortening it."""
    assert plan.take is not None
    performance = recorded(plan.take.path, plan.fps, plan.take.first, clock.frames)
    farthest = float(np.linalg.norm(performance.path, axis=1).max())
    return [cast(rng, figure, performance)], replace(stance, distance=max(stance.distance, farthest + NEAREST_M))


def _crossing(rng: np.random.Generator, figure: Figure, plan: FilmPlan, clock: Clock, stance: Stance) -> list[Actor]:
    """Two people who walk past each other, across the camera's view, one behind the other."""
    towards_camera = np.array([np.sin(stance.azimuth), 0.0, np.cos(stance.azimuth)])
    actors = []
    for direction in (1, -1):
        heading = stance.azimuth + direction * np.pi / 2 + rng.normal(0, 0.1)
        performance = perform(rng, plan.family, clock, towards=heading, walking=True)
        actor = cast(rng, figure, _kept_near(performance, CROSSING_TRAVEL_M))
        actors.append(actor.moved(direction * CROSSING_GAP_M / 2 * towards_camera))
    return actors


def _kept_near(performance: Performance, limit: float) -> Performance:
    """The same with its path shortened, where it leads farther than `limit` metres from its middle."""
    farthest = float(np.linalg.norm(performance.path, axis=1).max())
    return performance if farthest <= limit else performance.shortened(limit / farthest)


def frames(shot: Shot, figure: Figure, samples: int) -> Iterator[tuple[Bytes, Floats]]:
    """Each frame's picture (H, W, 3) RGB and the depth of its samples (H * samples, W * samples) in metres."""
    size = (round(2 * shot.camera.centre[0]), round(2 * shot.camera.centre[1]))
    raster = Rasteriser(figure.faces, *size, samples)
    backdrop = Backdrop(shot.scenery, shot.camera, size)
    rng = generator(*shot.grain_seed)
    for frame in range(shot.clock.frames):
        people = [actor.vertices(figure, frame) for actor in shot.actors]
        background = backdrop.frame(frame, people)
        raster.clear()
        for actor, vertices in zip(shot.actors, people, strict=True):
            seen = _in_camera(vertices, shot.camera, frame)
            raster.add(seen, shot.camera.focal, shot.camera.centre, actor.albedo, backdrop.light(frame))
        picture = raster.picture(background)
        backdrop.expose(picture, rng)
        yield picture, raster.depth()


def _in_camera(vertices_V3: Floats, camera: Camera, frame: int) -> npt.NDArray[np.float32]:
    axes = camera.axes[frame].astype(np.float32)
    return np.asarray((vertices_V3 - camera.position.astype(np.float32)) @ axes.T, np.float32)
