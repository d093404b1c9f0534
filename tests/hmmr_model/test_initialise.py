import pytest
import torch
from torch import nn

from hmmr_model.network import near_zero, xavier


def test_near_zero_has_the_released_codes_bounds() -> None:
    torch.manual_seed(0)
    conv = near_zero(nn.Conv1d(2048, 64, 3), 0.001)
    # sqrt(3 * 0.001 / mean(3 * 2048, 3 * 64)), weights uniform up to it
    assert conv.weight.abs().max().item() == pytest.approx((0.003 / ((6144 + 192) / 2)) ** 0.5, rel=1e-3)
    assert conv.bias is not None
    assert not conv.bias.any()


def test_the_papers_second_convolution_starts_within_seven_ten_thousandths() -> None:
    layer = near_zero(nn.Linear(6144, 6144, bias=False), 0.001)
    assert layer.weight.abs().max().item() == pytest.approx(7.0e-4, rel=0.01)  # docs/paper.md 1.3


def test_xavier_has_zero_bias() -> None:
    layer = xavier(nn.Linear(30, 30))
    assert not layer.bias.any()
    assert layer.weight.abs().max().item() <= (6 / 60) ** 0.5
