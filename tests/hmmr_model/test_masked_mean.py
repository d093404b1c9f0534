import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hmmr_model.losses import masked_mean


@given(st.lists(st.tuples(st.floats(-10, 10), st.booleans()), min_size=1, max_size=30))
def test_is_the_mean_over_what_counts(pairs: list[tuple[float, bool]]) -> None:
    values = torch.tensor([v for v, _ in pairs], dtype=torch.float64)
    weight = torch.tensor([float(w) for _, w in pairs], dtype=torch.float64)
    kept = [v for v, w in pairs if w]
    assert float(masked_mean(values, weight)) == pytest.approx(sum(kept) / len(kept) if kept else 0.0, abs=1e-9)


def test_broadcasts_the_weight_over_coordinates() -> None:
    assert float(masked_mean(torch.tensor([[1.0, 3.0], [100.0, 100.0]]), torch.tensor([[1.0], [0.0]]))) == 2.0


def test_nan_that_does_not_count_reaches_neither_value_nor_gradient() -> None:
    values = torch.tensor([1.0, float("nan")], requires_grad=True)
    mean = masked_mean(values, torch.tensor([1.0, 0.0]))
    mean.backward()
    assert float(mean) == 1.0
    assert values.grad is not None
    assert values.grad.tolist() == [1.0, 0.0]
