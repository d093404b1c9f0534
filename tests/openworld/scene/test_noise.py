import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from openworld.scene.noise import lattice, noise_at

COORDINATE = st.floats(-500, 500)


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.tuples(COORDINATE, COORDINATE, COORDINATE), min_size=1, max_size=20), st.integers(0, 10**6))
def test_noise_is_between_0_and_1_and_has_no_jumps(points: list[tuple[float, float, float]], seed: int) -> None:
    here = np.array(points)
    values, nearby = noise_at(here, seed), noise_at(here + 1e-5, seed)
    assert ((values >= 0) & (values < 1)).all()
    assert np.abs(values - nearby).max() < 1e-3


def test_whole_numbered_points_have_the_lattices_values() -> None:
    points = np.array([[3.0, -2.0, 7.0], [0.0, 0.0, 0.0]])
    assert np.allclose(noise_at(points, 9), [lattice(3, -2, 7, 9), lattice(0, 0, 0, 9)])


def test_seeds_differ_and_values_spread() -> None:
    points = np.random.default_rng(0).uniform(-50, 50, (5000, 3))
    one, other = noise_at(points, 1), noise_at(points, 2)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.1
    assert one.std() > 0.1
