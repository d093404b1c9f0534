import torch

from hmmr_model.network import IterativeRegressor


def test_repeats_one_set_of_weights_and_returns_the_last_state() -> None:
    torch.manual_seed(0)
    regressor = IterativeRegressor(channels=6, state=4, hidden=8, iterations=3, dropout=0.5).eval()
    feature, state = torch.randn(5, 6), torch.randn(5, 4)
    expected = state
    for _ in range(3):
        expected = expected + regressor.layers(torch.cat([feature, expected], dim=-1))
    assert torch.allclose(regressor(feature, state), expected)


def test_first_guess_stays_near_the_start() -> None:
    torch.manual_seed(0)
    regressor = IterativeRegressor(64, 85, 64, 3, 0.0)
    start = torch.zeros(10, 85)
    assert (regressor(torch.randn(10, 64), start) - start).abs().max() < 1.0


def test_gradient_reaches_the_start() -> None:
    start = torch.zeros(2, 3, requires_grad=True)
    IterativeRegressor(4, 3, 8, 2, 0.0)(torch.randn(2, 4), start).sum().backward()
    assert start.grad is not None
    assert start.grad.abs().min() > 0
