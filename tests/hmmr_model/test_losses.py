import numpy as np
import pytest
import torch

from hmmr_model import losses

RNG = np.random.default_rng(0)


def _random(*shape: int) -> torch.Tensor:
    return torch.tensor(RNG.normal(size=shape))


def test_keypoint_loss_is_the_mean_over_visible_coordinates() -> None:
    predicted, target = _random(2, 25, 2), _random(2, 25, 3)
    target[..., 2] = torch.tensor(RNG.random((2, 25)) < 0.5)
    visible = target[..., 2].bool()
    expected = (predicted - target[..., :2]).abs()[visible].mean()
    assert losses.keypoint_loss(predicted, target).item() == pytest.approx(expected.item())


def test_joint_loss_is_half_the_mean_square_of_14_joints_about_the_middle_of_joints_2_and_3() -> None:
    predicted, target = _random(3, 25, 3), _random(3, 25, 3)
    a = (predicted - predicted[:, 2:4].mean(1, keepdim=True))[:, :14].numpy()
    b = (target - target[:, 2:4].mean(1, keepdim=True))[:, :14].numpy()
    got = losses.joint_loss(predicted, target, torch.ones(3, 25, dtype=torch.float64)).item()
    assert got == pytest.approx(0.5 * np.square(a - b).mean())


def test_joint_loss_does_not_care_where_the_person_stands() -> None:
    x = _random(3, 25, 3)
    moved = x + torch.tensor([1.0, -2.0, 5.0])
    assert losses.joint_loss(moved, x, torch.ones(3, 25)).item() == pytest.approx(0.0, abs=1e-12)


def test_joint_loss_leaves_out_what_has_no_label_and_frames_without_hips() -> None:
    predicted, target, weight = _random(2, 25, 3), _random(2, 25, 3), torch.ones(2, 25, dtype=torch.float64)
    weight[0, 7] = 0
    weight[1, 2] = 0
    target[0, 7] = float("nan")
    target[1, 2] = float("nan")
    alone = weight[:1].clone()
    expected = losses.joint_loss(predicted[:1], target[:1], alone)
    assert torch.isfinite(expected)
    assert losses.joint_loss(predicted, target, weight).item() == pytest.approx(expected.item())


def test_acceleration_is_the_mean_absolute_second_difference_about_the_hips() -> None:
    predicted, target, everywhere = _random(2, 9, 25, 3), _random(2, 9, 25, 3), torch.ones(2, 9, 25)
    a, b = ((x - x[..., 2:4, :].mean(-2, keepdim=True))[..., :14, :].numpy() for x in (predicted, target))
    got = losses.acceleration_loss(predicted, target, everywhere).item()
    assert got == pytest.approx(np.abs(np.diff(a - b, 2, axis=1)).mean())


def test_acceleration_does_not_care_about_steady_motion_and_skips_frames_beside_a_gap() -> None:
    target, weight = _random(1, 9, 25, 3), torch.ones(1, 9, 25)
    drift = torch.arange(9)[:, None, None] * torch.tensor([0.1, 0.0, -0.2])
    one_limb = torch.zeros(25, 1)
    one_limb[0] = 1
    assert losses.acceleration_loss(target + drift * one_limb, target, weight).item() == pytest.approx(0, abs=1e-7)
    predicted = target.clone()
    predicted[0, 4] = float("nan")
    weight[0, 4] = 0
    assert losses.acceleration_loss(predicted, target, weight).item() == 0
    weight[0, 4, 5:] = 1
    assert losses.acceleration_loss(predicted, target, weight).item() == 0, "without hips no joint has an origin"


def test_rotation_loss_counts_the_root_and_only_labelled_frames() -> None:
    predicted = torch.zeros(2, 24, 3, 3)
    target = torch.zeros(2, 24, 3, 3)
    target[0, 0] = 1.0
    target[1] = 100.0
    assert losses.rotation_loss(predicted, target, torch.tensor([1.0, 0.0])).item() == pytest.approx(0.5 * 9 / 216)


def test_beta_loss_is_half_the_mean_square() -> None:
    assert losses.beta_loss(torch.ones(2, 10) * 3, torch.zeros(2, 10), torch.ones(2)).item() == 4.5


def test_beta_prior_is_the_mean_square() -> None:
    assert losses.beta_prior(torch.full((2, 3, 10), 2.0)).item() == 4.0


def test_constant_shape_is_half_the_mean_squared_difference_of_neighbours() -> None:
    betas = torch.arange(4.0)[None, :, None].expand(2, 4, 10)
    assert losses.constant_shape_loss(betas).item() == 0.5


@pytest.mark.parametrize("detach", [False, True])
def test_hallucination_pulls_the_encoder_unless_detached(detach: bool) -> None:
    seen, guessed = torch.ones(2, 3, 4, requires_grad=True), torch.zeros(2, 3, 4, requires_grad=True)
    loss = losses.hallucination_loss(seen, guessed, detach)
    loss.backward()
    assert loss.item() == 1.0
    assert (seen.grad is None) == detach
    assert guessed.grad is not None
