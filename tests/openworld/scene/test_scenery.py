import numpy as np
import pytest

from openworld.motion.curves import Clock
from openworld.scene.backdrop_kernels import cast_rays
from openworld.scene.camera import Camera, place_camera, random_stance
from openworld.scene.scenery import BEHIND_PEOPLE_M, Backdrop, Scenery, random_scenery
from openworld.seeds import generator

CLOCK = Clock(5, 25)
SIZE = (160, 120)


def _scene(seed: int) -> tuple[Camera, Scenery, list[np.ndarray]]:
    rng = generator(seed)
    body = np.linspace((-0.3, 0.0, 0.0), (0.3, 1.7, 0.2), 25)
    people = [body + np.linspace((0, 0, 0), (0.5, 0, 0), 5)[:, None]]
    camera = place_camera(rng, random_stance(rng, "wild"), people, CLOCK, SIZE)
    return camera, random_scenery(rng, camera, people), people


@pytest.mark.parametrize("seed", range(6))
def test_a_turned_backdrop_is_what_the_turned_camera_would_see(seed: int) -> None:
    camera, scenery, _ = _scene(seed)
    turned = Backdrop(scenery, camera, SIZE).frame(4, []).astype(float)
    direct = cast_rays(
        SIZE, camera.focal, camera.centre, camera.axes[4], camera.position[4], scenery.room, scenery.outdoors,
        scenery.boxes, scenery.colours, scenery.patterns, scenery.seed,
    ).astype(float)  # fmt: skip
    assert np.abs(turned - direct).mean() < 6
    assert np.corrcoef(turned.ravel(), direct.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("seed", range(12))
def test_nothing_stands_before_the_people_and_the_room_holds_them(seed: int) -> None:
    camera, scenery, people = _scene(seed)
    farthest = camera.to_camera(people[0])[..., 2].max()
    middle = camera.axes[2]
    corners = np.array([[box[i], box[1 + j], box[2 + k]] for box in scenery.boxes
                        for i in (0, 3) for j in (0, 3) for k in (0, 3)])  # fmt: skip
    flat = middle[2] * (1, 0, 1)
    depth = (corners - camera.position[2]) @ (flat / np.linalg.norm(flat))
    assert depth.min() > farthest - 1e-6
    assert BEHIND_PEOPLE_M > 0
    inside = np.concatenate([camera.position, people[0].reshape(-1, 3)])
    assert (inside >= scenery.room[:3] - 1e-9).all()
    assert (inside <= scenery.room[3:]).all()


def test_a_shadow_darkens_the_floor_under_a_person() -> None:
    for seed in range(10):
        camera, scenery, _ = _scene(seed)
        backdrop = Backdrop(scenery, camera, SIZE)
        solid = np.random.default_rng(0).uniform((-0.2, 0, -0.2), (0.2, 1.6, 0.2), (4000, 3)).astype(np.float32)
        bare, shaded = (backdrop.frame(2, shapes).astype(int) for shapes in ([], [solid]))
        assert (shaded <= bare).all()
        assert (bare - shaded).sum() > 0


def test_the_light_comes_from_where_the_sun_stands() -> None:
    camera, scenery, _ = _scene(3)
    light = Backdrop(scenery, camera, SIZE).light(1)
    assert camera.axes[1].T @ light.direction() == pytest.approx(scenery.towards_sun, abs=1e-6)
    assert scenery.towards_sun[1] > 0.5
