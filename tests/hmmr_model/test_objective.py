from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from body.keypoints import KeypointModel
from hmmr_model import objective
from hmmr_model.configs import DataConfig, LossConfig
from hmmr_model.data import Batch, TrainingSet
from hmmr_model.network import BodyGuess, Head, Strips
from hmmr_model.objective import (
    NOW,
    Shift,
    body_keypoints,
    fake_poses,
    head_terms,
    masked_mean,
    optimal_camera,
    supervised_terms,
)
from hmmr_model.tracks import Track

PLAIN = LossConfig(
    keypoints_2d=1, joints_3d=1, rotations=1, betas=1, beta_prior=0, constant_shape=0, hallucination=0, auxiliary=1
)


@pytest.fixture
def batch(make_tracks: Callable[..., list[Track]]) -> Batch:
    """Both halves from labelled tracks, so that the truth of every window is known."""
    return TrainingSet(make_tracks([20] * 2), [], DataConfig(batch=4, target_margin=0), 0).batch(0)


def _truth(batch: Batch, head: Head, wrong_by: int = 0) -> BodyGuess:
    """What a perfect head says at frame t: the truth of t + delta (repeated past the window's ends)."""
    frames = (torch.arange(20) + head.delta + wrong_by).clamp(0, 19)
    rotations = batch.rotations_LUJ33[:, frames]
    camera = torch.tensor([0.85, 0.0, 0.0]).expand(len(rotations), 20, 3)
    return BodyGuess(rotations, batch.betas_LUK, None if head.delta else camera)


def _labelled_only(batch: Batch) -> Batch:
    n = batch.labelled
    return Batch(**{**vars(batch), "phi_BTD": batch.phi_BTD[:n], "keypoints_BUJ3": batch.keypoints_BUJ3[:n]})


@pytest.mark.parametrize("delta", [0, -5, 5])
def test_a_perfect_head_pays_nothing_and_one_frame_off_pays(
    batch: Batch, keypoint_model: KeypointModel, delta: int
) -> None:
    batch, head = _labelled_only(batch), Head(False, delta)
    for wrong_by in (0, 1):
        guess = _truth(batch, head, wrong_by)
        points = body_keypoints({head: guess}, keypoint_model)[head]
        terms = head_terms(head, guess, points, batch)
        assert set(terms) == {"keypoints_2d", "joints_3d", "rotations", "betas"}
        for name in ("keypoints_2d", "joints_3d", "rotations"):
            assert (terms[name].item() < 1e-6) == (wrong_by == 0), name


@pytest.mark.parametrize(
    ("delta", "predicted", "target"), [(5, (0, 15), (5, 20)), (-5, (5, 20), (0, 15)), (0, (0, 20), (0, 20))]
)
def test_frames_of_a_delta_head(delta: int, predicted: tuple[int, int], target: tuple[int, int]) -> None:
    frames = torch.arange(20)[None]
    assert Shift(delta).predicted(frames)[0].tolist() == list(range(*predicted))
    assert Shift(delta).target(frames)[0].tolist() == list(range(*target))


@pytest.mark.parametrize(("delta", "predicted", "first"), [(5, (0, 20), 10), (-5, (0, 20), 0), (0, (0, 20), 5),
                                                            (7, (0, 18), 12), (-7, (2, 20), 0)])  # fmt: skip
def test_with_a_margin_every_frame_has_a_target(delta: int, predicted: tuple[int, int], first: int) -> None:
    shift, said, truth = Shift(delta, 5), torch.arange(20)[None], torch.arange(-5, 25)[None]
    assert shift.predicted(said)[0].tolist() == list(range(*predicted))
    assert torch.equal(shift.target(truth), shift.predicted(said) + delta)
    assert shift.target(torch.arange(30)[None])[0, 0] == first


def test_a_delta_head_is_free_of_the_camera(batch: Batch, keypoint_model: KeypointModel) -> None:
    """Its 2D loss uses the best camera, so a crop that moves between t and t + 5 teaches it nothing."""
    batch, head = _labelled_only(batch), Head(False, 5)
    moved = batch.keypoints_BUJ3.clone()
    moved[..., :2] = moved[..., :2] * 1.1 + torch.linspace(0, 0.3, 20)[None, :, None, None]
    guess = _truth(batch, head)
    points = body_keypoints({head: guess}, keypoint_model)[head]
    moved_batch = Batch(**{**vars(batch), "keypoints_BUJ3": moved})
    assert head_terms(head, guess, points, moved_batch)["keypoints_2d"].item() < 1e-5
    assert head_terms(NOW, _truth(batch, NOW), points, moved_batch)["keypoints_2d"].item() > 0.05


def test_pseudo_labels_of_weight_0_say_nothing_and_of_less_weight_less(
    batch: Batch, keypoint_model: KeypointModel
) -> None:
    """The 2D term is a mean over what counts: of weight w it is the w-weighted mean of both halves."""
    rotations = batch.rotations_LUJ33.repeat(2, 1, 1, 1, 1)
    camera = torch.tensor([0.85, 0.1, 0.0]).expand(4, 20, 3)
    guess = BodyGuess(rotations, batch.betas_LUK.repeat(2, 1, 1), camera)
    points = body_keypoints({NOW: guess}, keypoint_model)[NOW]

    def term(weight: float, head: Head) -> float:
        weighted = batch.with_pseudo_weight(weight)
        return head_terms(head, guess if head == NOW else guess._replace(camera_BT3=None), points, weighted)[
            "keypoints_2d"
        ].item()

    first = Batch(**{**vars(batch), "phi_BTD": batch.phi_BTD[:2], "keypoints_BUJ3": batch.keypoints_BUJ3[:2]})
    alone = head_terms(NOW, guess._replace(camera_BT3=camera[:2]), points[:2], first)["keypoints_2d"].item()
    assert term(0.0, NOW) == pytest.approx(alone, rel=1e-5)
    both = 2 * term(1.0, NOW) - alone
    assert term(0.25, NOW) == pytest.approx((alone + 0.25 * both) / 1.25, rel=1e-4)
    # a Δ head's best camera does not depend on the weight, so its windows' errors mix in the same way
    only, whole = term(0.0, Head(False, 5)), term(1.0, Head(False, 5))
    assert term(0.01, Head(False, 5)) == pytest.approx((only + 0.01 * (2 * whole - only)) / 1.01, rel=1e-4)


def test_keypoints_are_centred_at_the_pelvis(batch: Batch, keypoint_model: KeypointModel) -> None:
    guess = _truth(_labelled_only(batch), NOW)
    points = body_keypoints({NOW: guess}, keypoint_model)[NOW]
    assert torch.allclose(points, batch.joints_LUJ3, atol=1e-5)


def test_terms_are_weighted_and_the_auxiliary_heads_are_summed(batch: Batch, keypoint_model: KeypointModel) -> None:
    batch = _labelled_only(batch)
    heads = [NOW, Head(False, 5), Head(True, 0)]
    guesses = {head: _truth(batch, head, wrong_by=1) for head in heads}
    strips = Strips(torch.zeros(2, 20, 4), torch.ones(2, 20, 4))
    plain = supervised_terms(PLAIN, strips, guesses, batch, keypoint_model)
    points = body_keypoints(guesses, keypoint_model)
    alone = [head_terms(head, guesses[head], points[head], batch)["rotations"] for head in heads]
    assert plain["rotations"].item() == pytest.approx(alone[0].item())
    assert plain["auxiliary_rotations"].item() == pytest.approx((alone[1] + alone[2]).item())
    doubled = supervised_terms(
        LossConfig(rotations=3, auxiliary=2, hallucination=7), strips, guesses, batch, keypoint_model
    )
    assert doubled["rotations"].item() == pytest.approx(3 * alone[0].item())
    assert doubled["auxiliary_rotations"].item() == pytest.approx(6 * (alone[1] + alone[2]).item())
    assert doubled["hallucination"].item() == pytest.approx(7.0)


def test_constant_shape_is_asked_of_the_current_head_alone(batch: Batch, keypoint_model: KeypointModel) -> None:
    batch = _labelled_only(batch)
    guesses = {NOW: _truth(batch, NOW), Head(True, 0): _truth(batch, Head(True, 0))}
    noisy = guesses[Head(True, 0)]._replace(betas_BTK=torch.randn(2, 20, 10))
    strips = Strips(torch.zeros(2, 20, 4), torch.zeros(2, 20, 4))
    terms = supervised_terms(LossConfig(), strips, guesses | {Head(True, 0): noisy}, batch, keypoint_model)
    assert terms["constant_shape"].item() == 0.0
    assert terms["beta_prior"].item() > 0.01


def test_the_prior_sees_all_frames_of_all_heads(batch: Batch) -> None:
    batch = _labelled_only(batch)
    guesses = {head: _truth(batch, head) for head in (NOW, Head(False, 5))}
    assert len(fake_poses(guesses, 1)) == 2 * 2 * 20
    assert len(fake_poses(guesses, 2)) == 2 * 2 * 10


def test_acceleration_is_asked_of_the_labelled_windows_of_the_current_head(
    batch: Batch, keypoint_model: KeypointModel
) -> None:
    labelled, config = _labelled_only(batch), replace(PLAIN, acceleration=2.0)
    right, late = _truth(labelled, NOW), _truth(labelled, NOW, wrong_by=1)
    strips = Strips(torch.zeros(len(labelled.phi_BTD), 20, 3), None)
    terms = [
        supervised_terms(config, strips, {NOW: guess}, labelled, keypoint_model)["acceleration"].item()
        for guess in (right, late)
    ]
    assert terms[0] < 1e-6 < terms[1]
    assert "acceleration" not in supervised_terms(PLAIN, strips, {NOW: right}, labelled, keypoint_model)


RNG = np.random.default_rng(0)


def _random(*shape: int) -> torch.Tensor:
    return torch.tensor(RNG.normal(size=shape))


def test_keypoint_loss_is_the_mean_over_visible_coordinates() -> None:
    predicted, target = _random(2, 25, 2), _random(2, 25, 3)
    target[..., 2] = torch.tensor(RNG.random((2, 25)) < 0.5)
    visible = target[..., 2].bool()
    expected = (predicted - target[..., :2]).abs()[visible].mean()
    assert objective.keypoint_loss(predicted, target).item() == pytest.approx(expected.item())


def test_joint_loss_is_half_the_mean_square_of_14_joints_about_the_middle_of_joints_2_and_3() -> None:
    predicted, target = _random(3, 25, 3), _random(3, 25, 3)
    a = (predicted - predicted[:, 2:4].mean(1, keepdim=True))[:, :14].numpy()
    b = (target - target[:, 2:4].mean(1, keepdim=True))[:, :14].numpy()
    got = objective.joint_loss(predicted, target, torch.ones(3, 25, dtype=torch.float64)).item()
    assert got == pytest.approx(0.5 * np.square(a - b).mean())


def test_joint_loss_does_not_care_where_the_person_stands() -> None:
    x = _random(3, 25, 3)
    moved = x + torch.tensor([1.0, -2.0, 5.0])
    assert objective.joint_loss(moved, x, torch.ones(3, 25)).item() == pytest.approx(0.0, abs=1e-12)


def test_joint_loss_leaves_out_what_has_no_label_and_frames_without_hips() -> None:
    predicted, target, weight = _random(2, 25, 3), _random(2, 25, 3), torch.ones(2, 25, dtype=torch.float64)
    weight[0, 7] = 0
    weight[1, 2] = 0
    target[0, 7] = float("nan")
    target[1, 2] = float("nan")
    alone = weight[:1].clone()
    expected = objective.joint_loss(predicted[:1], target[:1], alone)
    assert torch.isfinite(expected)
    assert objective.joint_loss(predicted, target, weight).item() == pytest.approx(expected.item())


def test_acceleration_is_the_mean_absolute_second_difference_about_the_hips() -> None:
    predicted, target, everywhere = _random(2, 9, 25, 3), _random(2, 9, 25, 3), torch.ones(2, 9, 25)
    a, b = ((x - x[..., 2:4, :].mean(-2, keepdim=True))[..., :14, :].numpy() for x in (predicted, target))
    got = objective.acceleration_loss(predicted, target, everywhere).item()
    assert got == pytest.approx(np.abs(np.diff(a - b, 2, axis=1)).mean())


def test_acceleration_does_not_care_about_steady_motion_and_skips_frames_beside_a_gap() -> None:
    target, weight = _random(1, 9, 25, 3), torch.ones(1, 9, 25)
    drift = torch.arange(9)[:, None, None] * torch.tensor([0.1, 0.0, -0.2])
    one_limb = torch.zeros(25, 1)
    one_limb[0] = 1
    assert objective.acceleration_loss(target + drift * one_limb, target, weight).item() == pytest.approx(0, abs=1e-7)
    predicted = target.clone()
    predicted[0, 4] = float("nan")
    weight[0, 4] = 0
    assert objective.acceleration_loss(predicted, target, weight).item() == 0
    weight[0, 4, 5:] = 1
    assert objective.acceleration_loss(predicted, target, weight).item() == 0, "without hips no joint has an origin"


def test_rotation_loss_counts_the_root_and_only_labelled_frames() -> None:
    predicted = torch.zeros(2, 24, 3, 3)
    target = torch.zeros(2, 24, 3, 3)
    target[0, 0] = 1.0
    target[1] = 100.0
    assert objective.rotation_loss(predicted, target, torch.tensor([1.0, 0.0])).item() == pytest.approx(0.5 * 9 / 216)


def test_beta_loss_is_half_the_mean_square() -> None:
    assert objective.beta_loss(torch.ones(2, 10) * 3, torch.zeros(2, 10), torch.ones(2)).item() == 4.5


def test_beta_prior_is_the_mean_square() -> None:
    assert objective.beta_prior(torch.full((2, 3, 10), 2.0)).item() == 4.0


def test_constant_shape_is_half_the_mean_squared_difference_of_neighbours() -> None:
    betas = torch.arange(4.0)[None, :, None].expand(2, 4, 10)
    assert objective.constant_shape_loss(betas).item() == 0.5


@pytest.mark.parametrize("detach", [False, True])
def test_hallucination_pulls_the_encoder_unless_detached(detach: bool) -> None:
    seen, guessed = torch.ones(2, 3, 4, requires_grad=True), torch.zeros(2, 3, 4, requires_grad=True)
    loss = objective.hallucination_loss(seen, guessed, detach)
    loss.backward()
    assert loss.item() == 1.0
    assert (seen.grad is None) == detach
    assert guessed.grad is not None


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
