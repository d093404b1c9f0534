"""One shot: its people, its camera, and its frames with their depth.

T frames as drawn, of which each exposure takes one or more; camera frame x right, y down, z forward, metres.
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
from openworld.scene.blocking import block, framed_points
from openworld.scene.camera import Camera, place_camera
from openworld.scene.exposure import Exposure, exposure_of
from openworld.scene.figure import Figure
from openworld.scene.prop import Pictured, Prop, board_corners
from openworld.scene.scenery import Backdrop, Scenery, random_scenery
from openworld.seeds import generator


@dataclass(frozen=True)
class Shot:
    """Everything that a shot's pixels and truth follow from."""

    actors: list[Actor]
    props: tuple[Prop, ...]
    pictured: tuple[Pictured, ...]
    camera: Camera
    scenery: Scenery
    clock: Clock
    exposure: Exposure
    grain_seed: tuple[int, str, str, int]

    @property
    def exposed(self) -> npt.NDArray[np.int64]:
        """The drawn frame that the truth of each frame of the film is taken from: the middle of its exposure."""
        subframes = self.exposure.subframes
        return np.arange(subframes // 2, self.clock.frames, subframes)


def stage(plan: FilmPlan, number: int, figure: Figure) -> Shot:
    """Shot `number` of a film, drawn from the film's own random numbers."""
    rng = generator(plan.seed, "shot", plan.film_id, number)
    exposure = exposure_of(plan, number)
    clock = Clock(plan.frames[number] * exposure.subframes, plan.fps * exposure.subframes)
    blocking = block(rng, figure, plan, clock)
    people = [actor.keypoints(figure) for actor in blocking.actors]
    size = (plan.width, plan.height)
    framed = framed_points(blocking, people)
    camera = place_camera(rng, blocking.stance, framed, clock, size, exposure.inner(size))
    pictures = [np.tile(board_corners(picture), (clock.frames, 1, 1)) for picture in blocking.pictured]
    scenery = random_scenery(rng, camera, people + pictures)
    return Shot(
        actors=blocking.actors, props=blocking.props, pictured=blocking.pictured, camera=camera, scenery=scenery,
        clock=clock, exposure=exposure, grain_seed=(plan.seed, "grain", plan.film_id, number),
    )  # fmt: skip


def frames(shot: Shot, figure: Figure, samples: int) -> Iterator[tuple[Bytes, Floats]]:
    """Each frame's picture (H, W, 3) RGB and the depth of its samples (H * samples, W * samples) in metres."""
    size = (round(2 * shot.camera.centre[0]), round(2 * shot.camera.centre[1]))
    raster = Rasteriser(figure.faces, *size, samples)
    backdrop = Backdrop(shot.scenery, shot.camera, size)
    rng = generator(*shot.grain_seed)
    half = shot.exposure.subframes // 2
    for middle in shot.exposed.tolist():
        pictures = [_draw(shot, figure, frame, raster, backdrop) for frame in range(middle - half, middle + 1)]
        depth = raster.depth()
        pictures += [_draw(shot, figure, frame, raster, backdrop) for frame in range(middle + 1, middle + half + 1)]
        picture = shot.exposure.develop(pictures, rng)
        backdrop.expose(picture, rng)
        shot.exposure.mask(picture, depth, samples)
        yield picture, depth


def _draw(shot: Shot, figure: Figure, frame: int, raster: Rasteriser, backdrop: Backdrop) -> Bytes:
    people = [actor.vertices(figure, frame) for actor in shot.actors]
    background = backdrop.frame(frame, people)
    camera, light = shot.camera, backdrop.light(frame)
    raster.clear()
    for actor, vertices in zip(shot.actors, people, strict=True):
        raster.add(_in_camera(vertices, camera, frame), camera.focal, camera.centre, actor.albedo, light)
    for picture in shot.pictured:
        vertices, colours = picture.drawn(figure, frame)
        raster.paint(_in_camera(vertices, camera, frame), camera.focal, camera.centre, colours)
        for board in picture.boards:
            assert board.colours is not None
            seen = _in_camera(board.vertices, camera, frame)
            raster.paint(seen, camera.focal, camera.centre, board.colours, board.faces)
    for prop in shot.props:
        colour = shot.scenery.colours[-1] ** 2  # the screen's colours are about the root of linear ones
        seen = _in_camera(prop.vertices, camera, frame)
        raster.add(seen, camera.focal, camera.centre, colour, light, prop.faces)
    return raster.picture(background)


def _in_camera(vertices_V3: Floats, camera: Camera, frame: int) -> npt.NDArray[np.float32]:
    axes = camera.axes[frame].astype(np.float32)
    return np.asarray((vertices_V3 - camera.position[frame].astype(np.float32)) @ axes.T, np.float32)
