import torch

from hmmr_model.network import NORM_EPS, TemporalBlock, TemporalEncoder


def _encoder() -> TemporalEncoder:
    torch.manual_seed(0)
    return TemporalEncoder(width=64, groups=4, blocks=3)


def test_starts_as_the_identity() -> None:
    x = torch.randn(2, 20, 64)
    assert (_encoder()(x) - x).square().mean().sqrt() < 0.1  # Xavier would give about 1


def test_without_blocks_is_the_single_frame_model() -> None:
    x = torch.randn(2, 20, 64)
    assert torch.equal(TemporalEncoder(64, 4, 0)(x), x)


def test_is_pre_activation_with_nothing_after_the_sum() -> None:
    block = TemporalBlock(64, 4)
    torch.nn.init.zeros_(block.conv2.weight)
    x = -torch.rand(2, 64, 20) - 1.0
    assert torch.equal(block(x), x)  # a final ReLU or norm would change all-negative input


def test_group_statistics_span_the_whole_window() -> None:
    """So a frame outside the 13 of the receptive field still matters, and window length is part of the network."""
    encoder = _encoder()
    for block in encoder.blocks:
        torch.nn.init.normal_(block.conv2.weight, std=0.05)
    x = torch.randn(1, 20, 64)
    moved = x.clone()
    moved[:, 19] += 3.0
    assert (encoder(moved) - encoder(x))[:, 0].abs().max() > 1e-4
    assert (encoder(x)[:, :10] - encoder(x[:, :10])).abs().max() > 1e-4


def test_norm_is_tensorflows() -> None:
    norm = TemporalEncoder(2048, 32, 1).blocks[0].norm1
    assert (norm.num_groups, norm.num_channels, norm.eps, norm.affine) == (32, 2048, NORM_EPS, True)
    assert NORM_EPS == 1e-6
