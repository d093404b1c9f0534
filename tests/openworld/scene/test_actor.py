import numpy as np
import pytest

from openworld.motion.curves import Clock
from openworld.motion.performance import perform
from openworld.scene.actor import cast
from openworld.scene.figure import Figure
from openworld.seeds import generator


@pytest.mark.parametrize("seed", range(4))
def test_the_lowest_point_touches_the_floor_or_is_lifted(seed: int, figure: Figure) -> None:
    rng = generator(seed)
    performance = perform(rng, "broad", Clock(6, 25))
    actor = cast(rng, figure, performance)
    lowest = [actor.vertices(figure, frame)[:, 1].min() for frame in range(6)]
    assert lowest == pytest.approx(performance.lift, abs=1e-5)


def test_clothes_hide_the_body_but_do_not_move_the_truth(figure: Figure) -> None:
    rng = generator(9)
    actor = cast(rng, figure, perform(rng, "narrow", Clock(2, 25)))
    thickness = np.linalg.norm(actor.rest - figure.shaped(actor.betas), axis=1)
    assert 0.01 < thickness.max() < 0.05
    bare = figure.keypoints(actor.rotations, actor.betas) + actor.translation[:, None]
    assert np.array_equal(actor.keypoints(figure), bare)
    assert actor.moved((0, 0, 1)).keypoints(figure)[:, :, 2] == pytest.approx(bare[:, :, 2] + 1)
