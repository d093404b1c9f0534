"""One shot: who is in it, where the camera stands, and its frames with what is true in each.

T frames, P people; camera frame x right, y down, z forward, metres.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from body.raster import Rasteriser
from body.raster.kernels import Bytes, Floats
from openworld.motion.curves import Clock
from openworld.plan import FilmPlan
from openworld.scene.actor import Actor
from openworld.scene.blocking import block
from openworld.scene.camera import Camera, place_camera
from openworld.scene.figure import Figure
from openworld.scene.scenery import Backdrop, Scenery, box_mesh, random_scenery
from openworld.seeds import generator


@dataclass(frozen=True)
class Shot:
    """Everything that a shot's pixels and truth follow from."""

    actors: list[Actor]
    pillar: npt.NDArray[np.float64] | None
    camera: Camera
    scenery: Scenery
    clock: Clock
    grain_seed: tuple[int, str, str, int]


def stage(plan: FilmPlan, number: int, figure: Figure) -> Shot:
    """Shot `number` of a film, drawn from the film's own random numbers."""
    rng = generator(plan.seed, "shot", plan.film_id, number)
    clock = Clock(plan.frames[number], plan.fps)
    blocking = block(rng, figure, plan, clock)
    people = [actor.keypoints(figure) for actor in blocking.actors]
    framed = [points[blocking.framed] for points in people]
    camera = place_camera(rng, blocking.stance, framed, clock, (plan.width, plan.height))
    scenery = random_scenery(rng, camera, people)
    return Shot(blocking.actors, blocking.pillar, camera, scenery, clock, (plan.seed, "grain", plan.film_id, number))


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
        if shot.pillar is not None:
            corners, faces = box_mesh(shot.pillar)
            seen = _in_camera(corners, shot.camera, frame)
            colour = shot.scenery.colours[-1] ** 2  # the screen's colours are about the root of linear ones
            raster.add(seen, shot.camera.focal, shot.camera.centre, colour, backdrop.light(frame), faces)
        picture = raster.picture(background)
        backdrop.expose(picture, rng)
        yield picture, raster.depth()


def _in_camera(vertices_V3: Floats, camera: Camera, frame: int) -> npt.NDArray[np.float32]:
    axes = camera.axes[frame].astype(np.float32)
    return np.asarray((vertices_V3 - camera.position.astype(np.float32)) @ axes.T, np.float32)
