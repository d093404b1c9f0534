from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import nn

from body.cameras import weak_perspective
from body.keypoints import KeypointModel
from body.rotations import matrix_to_axis_angle
from hmmr_model.configs import ModelConfig, PoseForm, paper
from hmmr_model.network import (
    HMMR,
    MIN_STD,
    NORM_EPS,
    Hallucinator,
    Head,
    IterativeRegressor,
    Standardise,
    TemporalBlock,
    TemporalEncoder,
    mean_pose,
    near_zero,
    pose_numbers,
    pose_to_matrices,
    xavier,
)
from hmmr_model.objective import body_keypoints

CONFIG = ModelConfig(width=32, groups=4, regressor_width=32, dropout=0.0, input_dropout=0.0, frame_dropout=0.0)
NAMES = {"now", "past5", "future5", "hallucinated_now", "hallucinated_past5", "hallucinated_future5"}


def _network(**changes: object) -> HMMR:
    torch.manual_seed(0)
    return HMMR(replace(CONFIG, **changes), 48)  # type: ignore[arg-type]


def test_has_six_heads_of_which_only_the_current_ones_have_a_camera() -> None:
    _, guesses = _network()(torch.randn(2, 20, 48))
    assert {head.name for head in guesses} == NAMES
    for head, guess in guesses.items():
        assert guess.rotations_BTJ33.shape == (2, 20, 24, 3, 3)
        assert (guess.camera_BT3 is None) == (head.delta != 0)


def test_answers_about_a_turned_crop_are_turned_back_about_the_cameras_axis(keypoint_model: KeypointModel) -> None:
    torch.manual_seed(0)
    network = HMMR(CONFIG, 49, turned=True).eval()
    phi, turn = torch.randn(2, 20, 48), torch.linspace(-3, 3, 40).reshape(2, 20, 1)
    _, upright = network(torch.cat([phi, torch.zeros_like(turn)], dim=-1))
    _, turned = network(torch.cat([phi, turn], dim=-1))
    back = Rotation.from_rotvec(turn.reshape(-1, 1).numpy() * [0, 0, 1]).as_matrix().reshape(2, 20, 1, 3, 3)
    back_BT133 = torch.tensor(back, dtype=torch.float32)
    for head, points in body_keypoints(turned, keypoint_model).items():
        was = body_keypoints({head: upright[head]}, keypoint_model)[head]
        expected = (back_BT133 @ was[..., None])[..., 0]
        torch.testing.assert_close(points, expected, atol=1e-5, rtol=0)
        camera, before = turned[head].camera_BT3, upright[head].camera_BT3
        if camera is not None and before is not None:  # what the crop shows is turned as well
            seen = (back_BT133[..., :2, :2] @ weak_perspective(was, before)[..., None])[..., 0]
            torch.testing.assert_close(weak_perspective(points, camera), seen, atol=1e-5, rtol=0)


def test_delta_heads_inherit_the_current_shape_and_start_at_the_current_pose() -> None:
    network = _network()
    for regressor in network.delta_regressors.values():
        torch.nn.init.zeros_(regressor.layers[-1].weight)
    _, guesses = network(torch.randn(2, 20, 48))
    now = guesses[Head(False, 0)]
    for delta in (-5, 5):
        assert torch.equal(guesses[Head(False, delta)].rotations_BTJ33, now.rotations_BTJ33)
        assert torch.equal(guesses[Head(False, delta)].betas_BTK, now.betas_BTK)


def test_a_delta_loss_teaches_the_current_regressor_too() -> None:
    network = _network(hallucinate=False)
    _, guesses = network(torch.randn(2, 20, 48))
    guesses[Head(False, 5)].rotations_BTJ33.square().sum().mul(0.0)
    guesses[Head(False, 5)].rotations_BTJ33[..., 0].sum().backward()
    assert network.regressor.layers[0].weight.grad.abs().max() > 0  # type: ignore[union-attr, operator]


def test_hallucinated_heads_share_the_seen_ones_weights_but_see_one_frame() -> None:
    network = _network().eval()
    phi = torch.randn(1, 20, 48)
    other = phi.clone()
    other[:, 1:] = torch.randn(1, 19, 48)
    _, a = network(phi)
    _, b = network(other)
    guessed = Head(True, 5)
    assert torch.equal(a[guessed].rotations_BTJ33[:, 0], b[guessed].rotations_BTJ33[:, 0])
    assert not torch.equal(a[Head(False, 5)].rotations_BTJ33[:, 0], b[Head(False, 5)].rotations_BTJ33[:, 0])
    names = {name.split(".")[0] for name, _ in network.named_parameters()}
    assert names == {"mean", "stem", "encoder", "hallucinator", "regressor", "delta_regressors"}


def test_the_auxiliary_heads_can_be_left_out_of_a_step() -> None:
    strips, guesses = _network()(torch.randn(2, 20, 48), auxiliary=False)
    assert set(guesses) == {Head(False, 0)}
    assert strips.hallucinated_BTC is None


def test_paper_preset_has_the_published_sizes() -> None:
    with torch.device("meta"):
        network = HMMR(paper().model, 2048)

    def millions(module: torch.nn.Module) -> float:
        return sum(p.numel() for p in module.parameters()) / 1e6

    assert millions(network.encoder) == pytest.approx(75.5, abs=0.1)  # docs/paper.md 1.3
    assert millions(network.regressor) == pytest.approx(3.3, abs=0.1)
    assert millions(network.delta_regressors["past5"]) == pytest.approx(3.3, abs=0.1)
    assert network.hallucinator is not None
    assert millions(network.hallucinator) == pytest.approx(12.6, abs=0.1)
    assert network.mean.shape == (85,)
    assert network.mean[:3].device.type == "meta"


def test_without_a_projection_the_width_must_be_that_of_phi() -> None:
    with pytest.raises(ValueError, match="width is 32"):
        _network(projection=False)


def test_frames_are_blanked_in_training_and_for_the_encoder_alone() -> None:
    network, phi = _network(frame_dropout=0.3), torch.randn(40, 20, 48)
    x = network.stem(network.input(phi))
    seen: list[torch.Tensor] = []
    network.encoder.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    guessed = network.strips(phi).hallucinated_BTC
    blank = (seen[0] == 0).all(dim=-1)
    assert blank.float().mean().item() == pytest.approx(0.3, abs=0.06)
    assert torch.equal(seen[0][~blank], x[~blank])
    assert network.hallucinator is not None
    assert torch.equal(guessed, network.hallucinator(x))
    network.eval().strips(phi)
    assert torch.equal(seen[1], x)


def test_a_single_frame_model_blanks_nothing() -> None:
    network, phi = _network(frame_dropout=0.9, blocks=0), torch.randn(2, 20, 48)
    assert torch.equal(network.strips(phi).seen_BTC, network.stem(network.input(phi)))


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


def test_starts_as_the_feature_and_sees_one_frame_at_a_time() -> None:
    torch.manual_seed(0)
    hallucinator = Hallucinator(32)
    x = torch.randn(2, 5, 32)
    assert (hallucinator(x) - x).abs().max() < 0.2
    changed = x.clone()
    changed[:, 1:] += 1.0
    assert torch.equal(hallucinator(changed)[:, 0], hallucinator(x)[:, 0])


def test_has_three_layers_as_the_code_and_not_two_as_the_text() -> None:
    def linear(hallucinator: Hallucinator) -> int:
        return sum(isinstance(layer, torch.nn.Linear) for layer in hallucinator.layers)

    assert linear(Hallucinator(8)) == 3
    assert linear(Hallucinator(8, layers=2)) == 2


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


def test_takes_statistics_and_clamps() -> None:
    layer = Standardise(3, clamp=5.0, dropout=0.0, enabled=True)
    layer.fit(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 1.0, 0.0]))
    out = layer(torch.tensor([[[3.0, 2.0, 3.0 + MIN_STD], [1000.0, -1000.0, 3.0]]]))
    assert torch.allclose(out, torch.tensor([[[1.0, 0.0, 1.0], [5.0, -5.0, 0.0]]]), atol=1e-3)


def test_without_it_features_pass_as_they_are() -> None:
    phi = torch.randn(1, 4, 3).half() * 100
    assert torch.equal(Standardise(3, 5.0, 0.0, enabled=False)(phi), phi.float())


def test_dropout_is_drawn_anew_for_every_frame_and_only_in_training() -> None:
    layer = Standardise(400, 5.0, dropout=0.5, enabled=True)
    x = torch.ones(2, 6, 400)
    dropped = layer(x) == 0
    assert not torch.equal(dropped[:, 0], dropped[:, 1])
    assert 0.4 < dropped.float().mean() < 0.6
    assert torch.equal(layer.eval()(x), x)


@pytest.mark.parametrize("form", ["rot6d", "axis_angle"])
def test_start_is_the_rest_pose_turned_to_an_image_whose_y_points_down(form: PoseForm) -> None:
    matrices = pose_to_matrices(mean_pose(form), form)
    np.testing.assert_allclose(matrices[0], np.diag([1.0, -1.0, -1.0]), atol=1e-6)
    np.testing.assert_allclose(matrices[1:], np.tile(np.eye(3), (23, 1, 1)), atol=1e-6)


def test_axis_angle_agrees_with_scipy() -> None:
    pose = torch.randn(5, 72, generator=torch.Generator().manual_seed(1))
    expected = Rotation.from_rotvec(pose.reshape(-1, 3).numpy()).as_matrix().reshape(5, 24, 3, 3)
    np.testing.assert_allclose(pose_to_matrices(pose, "axis_angle"), expected, atol=1e-5)


@pytest.mark.parametrize("form", ["rot6d", "axis_angle"])
def test_any_numbers_are_rotations(form: PoseForm) -> None:
    R = pose_to_matrices(torch.randn(7, pose_numbers(form)), form)
    np.testing.assert_allclose(R @ R.mT, np.tile(np.eye(3), (7, 24, 1, 1)), atol=1e-5)
    np.testing.assert_allclose(torch.linalg.det(R), np.ones((7, 24)), atol=1e-5)
    assert matrix_to_axis_angle(R).isfinite().all()
