import numpy as np
import pytest

from openworld.motion.curves import Clock
from openworld.scene.camera import MARGIN_PX, place_camera, random_stance
from openworld.seeds import generator

CLOCK = Clock(12, 25)
SIZE = (320, 240)


def _people(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    body = rng.uniform((-0.4, 0, -0.4), (0.4, 1.75, 0.4), (25, 3))
    path = np.linspace((-0.6, 0, 0), (0.6, 0, 0.3), CLOCK.frames)[:, None]
    return [body + path]


@pytest.mark.parametrize("style", ["lab", "wild"])
def test_everybody_is_in_the_frame_and_the_camera_above_the_floor(style: str) -> None:
    for seed in range(40):
        people, rng = _people(seed), generator(seed)
        camera = place_camera(rng, random_stance(rng, style), people, CLOCK, SIZE)
        pixels = camera.pixels(camera.to_camera(people[0]))
        assert (pixels >= MARGIN_PX - 1e-6).all()
        assert (pixels <= np.array(SIZE) - MARGIN_PX + 1e-6).all()
        assert (camera.position[:, 1] > 0.2).all()


def test_axes_are_right_handed_and_look_at_people_upright() -> None:
    for seed in range(20):
        people, rng = _people(seed), generator(seed)
        camera = place_camera(rng, random_stance(rng, "lab"), people, CLOCK, SIZE)
        assert np.allclose(np.linalg.det(camera.axes), 1)
        assert np.allclose(camera.axes @ camera.axes.transpose(0, 2, 1), np.eye(3), atol=1e-9)
        head, foot = (camera.to_camera(np.array([[[0.0, height, 0.0]]]))[:, 0] for height in (1.7, 0.0))
        assert (head[:, 1] < foot[:, 1]).all()
        assert (head[:, 2] > 0).all()


def test_pixels_are_the_pinhole_projection() -> None:
    rng = generator(1)
    camera = place_camera(rng, random_stance(rng, "wild"), _people(1), CLOCK, SIZE)
    point = np.array([0.3, -0.2, 4.0])
    assert camera.pixels(point) == pytest.approx([camera.focal * 0.3 / 4 + 160, camera.focal * -0.2 / 4 + 120])


def test_stances_are_those_of_the_pilot() -> None:
    lab = [random_stance(generator(seed), "lab") for seed in range(300)]
    wild = [random_stance(generator(seed), "wild") for seed in range(300)]
    assert all(0 <= s.pitch <= np.deg2rad(10) and 4.5 <= s.distance <= 5.5 and s.roll == 0 for s in lab)
    assert all(np.deg2rad(-10) <= s.pitch <= np.deg2rad(40) and 2.5 <= s.distance <= 6 for s in wild)
    assert np.std([s.roll for s in wild]) == pytest.approx(np.deg2rad(5), rel=0.2)
