import pytest

from hmmr_model.configs import LossConfig, OptimiserConfig
from hmmr_model.step import average_decay, pseudo_weight, rate_factor


def test_warms_up_and_falls_as_half_a_cosine() -> None:
    config = OptimiserConfig(warmup=10)
    factors = [rate_factor(step, 1000, config) for step in range(1000)]
    assert factors[0] < 0.11
    assert factors == [*sorted(factors[:10]), *sorted(factors[10:], reverse=True)]
    assert factors[500] == pytest.approx(0.5, abs=0.01)
    assert 0 < factors[-1] < 0.01


def test_the_papers_is_constant_from_the_first_step() -> None:
    config = OptimiserConfig(schedule="constant", warmup=0)
    assert {rate_factor(step, 10, config) for step in range(10)} == {1.0}


def test_the_average_forgets_its_random_start() -> None:
    config = OptimiserConfig(ema=0.99)
    assert average_decay(0, config) == pytest.approx(0.1)
    assert average_decay(10_000, config) == 0.99
    assert average_decay(5, OptimiserConfig(ema=0.0)) == 0.0


def test_pseudo_labels_come_in_along_a_line() -> None:
    config = LossConfig(pseudo_start=0.1, pseudo_full=0.4)
    weights = [pseudo_weight(step, 1000, config) for step in (0, 100, 250, 400, 999)]
    assert weights == pytest.approx([0, 0, 0.5, 1, 1])
    paper = LossConfig(pseudo_start=0.0, pseudo_full=0.0)
    assert {pseudo_weight(step, 10, paper) for step in range(10)} == {1.0}
    late = LossConfig(pseudo_start=0.5, pseudo_full=0.5)
    assert [pseudo_weight(step, 10, late) for step in (4, 5)] == [0.0, 1.0]
