"""Places the people and things of a shot, for each kind of film. World frame: y up, metres, floor at y = 0.

T frames. Each kind of film (openworld/worlds.py) has one function here; `block` picks it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from openworld.motion import whole_body
from openworld.motion.curves import Clock
from openworld.motion.performance import IN_PLACE, WALKING, Performance, Steer, perform
from openworld.motion.recorded import recorded
from openworld.plan import FilmPlan
from openworld.scene.actor import Actor, cast
from openworld.scene.camera import Part, Stance, random_stance
from openworld.scene.figure import Figure
from openworld.scene.prop import Pictured, Prop, board_corners, box_prop, hang, upright_axes
from openworld.worlds import Kind

CROSSING_TRAVEL_M = 1.0
"""Largest distance from the middle, for people who cross."""
LANE_M = 0.9
"""Depth between the paths of people who cross: they pass, they do not walk through each other."""
CROWDED_LANE_M = 0.45
"""Depth between the paths in a group: shoulders nearly touch."""
NEAREST_M = 2.0
"""No camera is nearer to a recorded person's path."""
TRAVEL_SHARE = 0.3
"""Largest distance of one person from the middle, as a share of the camera's: nobody walks into the camera."""
LEAVING_TRAVEL_M = 1.6
"""Least half-length of the path of somebody who leaves the frame, twice what the frame shows beside them."""
PASSING_TRAVEL_M = 2.2
"""The same where the frame shows another person too."""
PILLAR_M = (0.7, 2.6, 0.3)
"""Width, height and depth of what people hide behind: wider than a walking person's trunk."""
FROM_PILLAR_M = 4.5
"""Least distance of the camera from a person who hides; nearer, the pillar would fill the frame."""
STAYS_M = 0.25
"""Largest distance from the middle, for people behind furniture or before a close camera."""
LOW_PITCH = np.deg2rad(12)
"""Steepest look down at furniture and at pictures on a wall: from above, furniture hides no legs."""
FACING_SD = np.deg2rad(30)
"""How far people in close-ups turn away from the camera."""
SMALL_FILL = (0.35, 0.6)
"""Share of the height that a person takes in 4K: wide views are what such cameras are for."""


@dataclass(frozen=True)
class Blocking:
    """A stage with its actors, before there is a camera."""

    actors: list[Actor]
    stance: Stance
    framed: list[npt.NDArray[np.int64]]
    """For each actor, (T): the frame whose position the camera must have in view at each frame."""
    props: tuple[Prop, ...] = ()
    """Things before the people."""
    pictured: tuple[Pictured, ...] = ()
    """People in pictures and on screens."""


@dataclass(frozen=True)
class _Set:
    """What every kind of film starts from."""

    rng: np.random.Generator
    figure: Figure
    plan: FilmPlan
    clock: Clock
    stance: Stance

    @property
    def throughout(self) -> npt.NDArray[np.int64]:
        return np.arange(self.clock.frames)


def block(rng: np.random.Generator, figure: Figure, plan: FilmPlan, clock: Clock) -> Blocking:
    """The actors, their places and things around them for the plan's kind of film."""
    scene = _Set(rng, figure, plan, clock, random_stance(rng, plan.camera))
    return _on_record(scene) if plan.take is not None else _KINDS[plan.kind](scene)


def _one(scene: _Set) -> Blocking:
    return Blocking([_alone(scene)], scene.stance, [scene.throughout])


def _nobody(scene: _Set) -> Blocking:
    return Blocking([], scene.stance, [])


def _on_record(scene: _Set) -> Blocking:
    """A recorded person goes where they went; the camera keeps away from the path instead of shortening it."""
    assert scene.plan.take is not None
    performance = recorded(scene.plan.take.path, scene.plan.fps, scene.plan.take.first, scene.clock.frames)
    farthest = float(np.linalg.norm(performance.path, axis=1).max())
    stance = replace(scene.stance, distance=max(scene.stance.distance, farthest + NEAREST_M))
    return Blocking([cast(scene.rng, scene.figure, performance)], stance, [scene.throughout])


def _crossing(scene: _Set, people: int) -> Blocking:
    """People who walk past each other across the camera's view, each in a lane of their own, directions alternating."""
    stance = replace(scene.stance, follows=False, distance=max(scene.stance.distance, 1.2 * people))
    actors = _in_lanes(scene, stance, people, LANE_M)
    return Blocking(actors, stance, [scene.throughout] * people)


def _group(scene: _Set) -> Blocking:
    """Two groups of three walk into each other, are one crowd in the middle of the film, and part again."""
    stance = replace(scene.stance, follows=False, distance=max(scene.stance.distance, 5.0))
    actors = _in_lanes(scene, stance, 6, CROWDED_LANE_M)
    along = np.cross([0.0, 1.0, 0.0], _towards_camera(stance))
    apart = [actor.moved(scene.rng.uniform(-0.35, 0.35) * along) for actor in actors]
    return Blocking(apart, stance, [scene.throughout] * len(apart))


def _hidden(scene: _Set) -> Blocking:
    """Somebody walks behind a pillar and comes out on its other side."""
    across = scene.stance.azimuth + np.pi / 2
    performance = _walker(scene, partial(whole_body.straight, towards=across))
    actor = cast(scene.rng, scene.figure, _kept_near(performance, CROSSING_TRAVEL_M))
    middle = 0.8 * _towards_camera(scene.stance)
    width, height, depth = PILLAR_M
    half = np.abs(np.sin(scene.stance.azimuth)) * np.array([depth, 0, width]) / 2
    half += np.abs(np.cos(scene.stance.azimuth)) * np.array([width, 0, depth]) / 2
    pillar = box_prop(np.concatenate([middle - half, middle + half + (0, height, 0)]))
    stance = replace(scene.stance, follows=False, distance=max(scene.stance.distance, FROM_PILLAR_M))
    return Blocking([actor], stance, [scene.throughout], (pillar,))


def _furniture(scene: _Set) -> Blocking:
    """Somebody behind a counter or a table, which hides the legs throughout."""
    stance = replace(_level(scene.stance), distance=max(scene.stance.distance, 3.5), follows=False)
    actor = cast(scene.rng, scene.figure, perform(scene.rng, "narrow", scene.clock, among=IN_PLACE))
    height, width, depth = scene.rng.uniform(0.75, 1.0), scene.rng.uniform(1.6, 2.6), scene.rng.uniform(0.4, 0.7)
    front = STAYS_M + 0.45 + depth / 2
    low, high = np.array([-width / 2, 0.0, -depth / 2]), np.array([width / 2, height, depth / 2])
    counter = box_prop(np.concatenate([low, high]), upright_axes(stance.azimuth), front * _towards_camera(stance))
    return Blocking([actor], stance, [scene.throughout], (counter,))


def _away(scene: _Set) -> Blocking:
    """Somebody walks out of the frame, turns and comes back; the camera waits."""
    across = scene.stance.azimuth + np.pi / 2
    performance = _walker(scene, partial(whole_body.there_and_back, towards=across))
    performance = _leading_out(performance, LEAVING_TRAVEL_M)
    frame = scene.throughout
    near = (frame < scene.clock.frames * 0.2) | (frame > scene.clock.frames * 0.8)
    stance = replace(scene.stance, follows=False, shakes=False)
    return Blocking([cast(scene.rng, scene.figure, performance)], stance, [np.where(near, frame, 0)])


def _late(scene: _Set) -> Blocking:
    """One person enters when half of the film is over and stays; another is there from the start and leaves."""
    stance = replace(_level(scene.stance), follows=False, shakes=False, distance=max(scene.stance.distance, 4.0))
    half = scene.clock.frames // 2
    actors = []
    for lane, direction in ((0.5, 1), (-0.5, -1)):
        across = stance.azimuth + direction * np.pi / 2
        performance = _leading_out(_walker(scene, partial(whole_body.straight, towards=across)), PASSING_TRAVEL_M)
        # The one who enters ends in the middle of the view, the one who leaves starts there.
        middle = performance.path[-1 if direction > 0 else 0] * 0.6
        actor = cast(scene.rng, scene.figure, replace(performance, path=performance.path - middle))
        actors.append(actor.moved(lane * LANE_M * _towards_camera(stance)))
    enters = np.maximum(scene.throughout, round(1.3 * half))
    leaves = np.minimum(scene.throughout, round(0.7 * half))
    return Blocking(actors, stance, [enters, leaves])


def _close(scene: _Set, part: Part) -> Blocking:
    """A person who more or less faces the camera, which shows a part of them."""
    stance = replace(_level(scene.stance), part=part, follows=True)
    facing = stance.azimuth + scene.rng.normal(0, FACING_SD)
    steer = partial(whole_body.straight, towards=facing)
    actor = cast(scene.rng, scene.figure, perform(scene.rng, "narrow", scene.clock, steer=steer, among=IN_PLACE))
    return Blocking([actor], stance, [scene.throughout])


def _picture(scene: _Set, moving: bool) -> Blocking:
    """A poster or a screen that shows somebody; in every second film a real person stands before it, to one side."""
    stance = replace(_level(scene.stance), follows=False, distance=max(scene.stance.distance, 4.0))
    shown = cast(scene.rng, scene.figure, perform(scene.rng, "narrow", scene.clock))
    towards, side = _towards_camera(stance), scene.rng.choice((-1.0, 1.0))
    actors: list[Actor] = []
    place = np.zeros(3)
    if scene.plan.index % 2 == 0:
        actors = [cast(scene.rng, scene.figure, _kept_near(perform(scene.rng, "narrow", scene.clock), STAYS_M))]
        across = np.cross([0.0, 1.0, 0.0], towards)
        place = -scene.rng.uniform(1.2, 1.8) * towards + side * scene.rng.uniform(1.0, 1.4) * across
    picture = hang(scene.rng, scene.figure, shown, place, stance.azimuth, moving=moving)
    return Blocking(actors, stance, [scene.throughout] * len(actors), pictured=(picture,))


def _handheld(scene: _Set) -> Blocking:
    """One person, filmed by somebody who walks with the camera in the hand."""
    return Blocking([_alone(scene)], replace(scene.stance, walks=True, follows=True, shakes=True), [scene.throughout])


def _small(scene: _Set) -> Blocking:
    """One person who takes a smaller share of the picture."""
    stance = replace(scene.stance, follows=False, fill=scene.rng.uniform(*SMALL_FILL))
    return Blocking([_alone(scene)], stance, [scene.throughout])


_KINDS: Mapping[Kind, Callable[[_Set], Blocking]] = {
    "one": _one, "crossing": partial(_crossing, people=2), "cut": _one, "empty": _nobody,
    "four": partial(_crossing, people=4), "hidden": _hidden, "away": _away, "handheld": _handheld,
    "closeup": partial(_close, part="upper"), "face": partial(_close, part="face"),
    "poster": partial(_picture, moving=False), "screen": partial(_picture, moving=True), "furniture": _furniture,
    "group": _group, "late": _late, "blur": _one, "letterbox": _one, "dark": _one, "uhd": _small,
}  # fmt: skip


def framed_points(blocking: Blocking, people: list[npt.NDArray[np.float64]]) -> list[npt.NDArray[np.float64]]:
    """World points, each (T, N, 3), that the camera must have in its frame: of the people (T, 25, 3), and pictures."""
    joints = blocking.stance.joints
    shown = [points[index][:, joints] for points, index in zip(people, blocking.framed, strict=True)]
    frames = len(people[0]) if people else len(blocking.pictured[0].shown) if blocking.pictured else 0
    return shown + [np.tile(board_corners(picture), (frames, 1, 1)) for picture in blocking.pictured]


def _alone(scene: _Set) -> Actor:
    performance = perform(scene.rng, scene.plan.family, scene.clock)
    return cast(scene.rng, scene.figure, _kept_near(performance, TRAVEL_SHARE * scene.stance.distance))


def _in_lanes(scene: _Set, stance: Stance, people: int, lane_m: float) -> list[Actor]:
    actors = []
    for lane in range(people):
        across = stance.azimuth + (1 - 2 * (lane % 2)) * np.pi / 2 + scene.rng.normal(0, 0.1)
        performance = _walker(scene, partial(whole_body.straight, towards=across))
        actor = cast(scene.rng, scene.figure, _kept_near(performance, CROSSING_TRAVEL_M))
        actors.append(actor.moved(((people - 1) / 2 - lane) * lane_m * _towards_camera(stance)))
    return actors


def _walker(scene: _Set, steer: Steer) -> Performance:
    return perform(scene.rng, scene.plan.family, scene.clock, steer=steer, among=WALKING)


def _towards_camera(stance: Stance) -> npt.NDArray[np.float64]:
    return np.array([np.sin(stance.azimuth), 0.0, np.cos(stance.azimuth)])


def _level(stance: Stance) -> Stance:
    return replace(stance, pitch=min(stance.pitch, LOW_PITCH))


def _kept_near(performance: Performance, limit: float) -> Performance:
    """The performance, its path shortened if it leads farther than `limit` metres from its middle."""
    farthest = float(np.linalg.norm(performance.path, axis=1).max())
    return performance if farthest <= limit else performance.scaled(limit / farthest)


def _leading_out(performance: Performance, half_length: float) -> Performance:
    """The performance, its path lengthened if it reaches less than `half_length` metres from its middle."""
    farthest = float(np.linalg.norm(performance.path, axis=1).max())
    return performance.scaled(max(1.0, half_length / farthest))
