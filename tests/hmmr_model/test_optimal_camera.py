import numpy as np
import pytest
import torch

from hmmr_model.objective import optimal_camera


def _scene(scale: float, shift: tuple[float, float]) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(4, 25, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return x, scale * (x + torch.tensor(shift, dtype=torch.float64))


def test_recovers_a_true_camera_in_the_order_scale_times_shifted() -> None:
    x, y = _scene(1.3, (0.2, -0.4))
    camera = optimal_camera(x, y, torch.ones(4, 25, dtype=torch.float64))
    np.testing.assert_allclose(camera, [[1.3, 0.2, -0.4]] * 4, atol=1e-5)


def test_sees_only_visible_joints() -> None:
    x, y = _scene(0.9, (0.0, 0.1))
    visible = torch.ones(4, 25, dtype=torch.float64)
    visible[:, 5] = 0
    y[:, 5] = 1e6
    np.testing.assert_allclose(optimal_camera(x, y, visible), [[0.9, 0.0, 0.1]] * 4, atol=1e-5)


def test_is_half_the_trace_of_the_unconstrained_map_and_not_the_least_squares_scalar() -> None:
    x, _ = _scene(1.0, (0.0, 0.0))
    x = x * torch.tensor([3.0, 1.0])
    y = x * torch.tensor([1.0, 2.0])
    camera = optimal_camera(x, y, torch.ones(4, 25, dtype=torch.float64))
    np.testing.assert_allclose(camera[:, 0], 1.5, atol=1e-4)  # the scalar tr(X'Y)/tr(X'X) would be near 1.1


def test_a_mirrored_pose_meets_the_scale_floor_instead_of_collapsing() -> None:
    x, _ = _scene(1.0, (0.0, 0.0))
    camera = optimal_camera(x, -x, torch.ones(4, 25, dtype=torch.float64))
    assert camera[:, 0].tolist() == pytest.approx([0.7] * 4)


def test_has_no_gradient_and_stays_finite_where_nothing_is_visible() -> None:
    x = torch.randn(2, 25, 2, requires_grad=True)
    camera = optimal_camera(x, torch.randn(2, 25, 2), torch.zeros(2, 25))
    assert not camera.requires_grad
    assert camera.isfinite().all()
