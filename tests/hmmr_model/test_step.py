from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from body.keypoints import KeypointModel
from hmmr_model.configs import LossConfig, OptimiserConfig, TrainConfig
from hmmr_model.data import TrainingSet
from hmmr_model.devices import Group
from hmmr_model.prior import labelled_poses
from hmmr_model.step import Stepper, TrainingState, average_decay, pseudo_weight, rate_factor, seed_step
from hmmr_model.tracks import Track

MakeTracks = Callable[..., list[Track]]


def _stepper(config: TrainConfig, data: TrainingSet, body: KeypointModel) -> Stepper:
    return Stepper(config, TrainingState(config, data.phi_dim), body, labelled_poses(data), Group(0, 1, "cpu"))


def test_every_term_of_the_paper_is_there_by_name(
    small_config: TrainConfig, make_tracks: MakeTracks, keypoint_model: KeypointModel
) -> None:
    data = TrainingSet(make_tracks([30] * 4), [], small_config.data, 0)
    stepper = _stepper(small_config, data, keypoint_model)
    four = {"keypoints_2d", "joints_3d", "rotations", "betas"}
    rest = {"beta_prior", "constant_shape", "adversarial", "prior"}
    assert set(stepper(data.batch(0)).terms) == four | rest | {f"auxiliary_{name}" for name in four} | {"hallucination"}
    assert set(stepper(data.batch(1)).terms) == four | rest  # the other heads take part in every fourth step


def test_every_weight_gets_a_gradient(
    small_config: TrainConfig, make_tracks: MakeTracks, keypoint_model: KeypointModel
) -> None:
    data = TrainingSet(make_tracks([30] * 4), [], small_config.data, 0)
    stepper = _stepper(small_config, data, keypoint_model)
    stepper.body_gradients(data.batch(0))
    silent = [n for n, p in stepper.state.network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    assert all(p.grad is None for p in stepper.state.prior.parameters())


def test_the_prior_learns_from_equally_many_real_poses_and_leaves_the_body_alone(
    small_config: TrainConfig, make_tracks: MakeTracks, keypoint_model: KeypointModel
) -> None:
    data = TrainingSet(make_tracks([30] * 4), [], small_config.data, 0)
    stepper = _stepper(small_config, data, keypoint_model)
    before = [p.clone() for p in stepper.state.network.parameters()]
    seen: list[int] = []
    stepper.state.prior.register_forward_hook(lambda module, args, out: seen.append(len(args[0])))
    stepper._train_prior(torch.randn(12, 24, 3, 3))
    assert seen == [12, 12]
    assert all(torch.equal(a, b) for a, b in zip(before, stepper.state.network.parameters(), strict=True))


def test_weights_are_left_alone_when_the_loss_is_not_finite(
    small_config: TrainConfig, make_tracks: MakeTracks, keypoint_model: KeypointModel
) -> None:
    data = TrainingSet(make_tracks([30] * 4), [], small_config.data, 0)
    stepper = _stepper(small_config, data, keypoint_model)
    before = [p.clone() for p in stepper.state.network.parameters()]
    batch = data.batch(0)
    result = stepper(replace(batch, phi_BTD=torch.full_like(batch.phi_BTD, float("nan"))))
    assert result.diverged
    assert stepper.state.step == 0
    assert all(torch.equal(a, b) for a, b in zip(before, stepper.state.network.parameters(), strict=True))


def test_a_half_precision_step_agrees_with_the_plain_one(
    small_config: TrainConfig, make_tracks: MakeTracks, keypoint_model: KeypointModel
) -> None:
    plain = replace(small_config, model=replace(small_config.model, dropout=0.0, input_dropout=0.0, frame_dropout=0.0))
    data = TrainingSet(make_tracks([30] * 4), [], plain.data, 0)
    expected = _stepper(plain, data, keypoint_model)(data.batch(0)).terms
    got = _stepper(replace(plain, precision="bf16"), data, keypoint_model)(data.batch(0)).terms
    for name, value in expected.items():
        assert torch.allclose(got[name], value, rtol=0.1, atol=0.05), name
    assert got["joints_3d"] != expected["joints_3d"]


def test_randomness_of_a_step_is_a_function_of_seed_step_and_process() -> None:
    drawn = []
    for arguments in [(0, 0, 0), (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]:
        seed_step(*arguments)
        drawn.append(float(torch.rand(())))
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 4


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
