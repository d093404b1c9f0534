import json
from dataclasses import replace

import pytest

from hmmr_model.configs import PRESETS, BadConfigError, DataConfig, from_json, paper, to_json


def test_paper_has_the_released_codes_numbers() -> None:
    """docs/paper.md 1.6 and the table of 2.1."""
    config = paper()
    assert (config.data.window, config.data.batch, config.model.deltas, config.model.blocks) == (20, 8, (-5, 5), 3)
    assert (config.model.groups, config.model.iterations, config.model.dropout) == (32, 3, 0.5)
    assert config.data.target_margin == 0
    loss = config.loss
    assert (loss.keypoints_2d, loss.joints_3d, loss.rotations, loss.betas) == (60, 60, 60, 60)
    assert (loss.adversarial, loss.beta_prior, loss.constant_shape, loss.hallucination) == (1, 1, 1, 1)
    assert (loss.auxiliary, loss.auxiliary_every, loss.prior_every) == (1, 1, 1)
    assert (loss.pseudo_start, loss.pseudo_full, loss.acceleration) == (0, 0, 0)
    assert not loss.detach_hallucination_target
    assert (config.optimiser.learning_rate, config.optimiser.discriminator_rate) == (1e-5, 1e-4)
    assert (config.optimiser.clip, config.optimiser.ema, config.optimiser.weight_decay) == (0, 0, 0)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_carries_its_name_and_halves_its_batch(name: str) -> None:
    config = PRESETS[name]()
    assert config.preset == name
    assert config.data.batch % 2 == 0
    assert {"dev", "test", "mocap"} <= set(config.data.held_out)


@pytest.mark.parametrize("name", PRESETS)
def test_comes_back_equal(name: str) -> None:
    config = replace(PRESETS[name](), prior_poses="poses.npz", seed=7)
    assert from_json(to_json(config)) == config


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda c: c | {"stranger": 1}, "stranger"),
        (lambda c: {k: v for k, v in c.items() if k != "seed"}, "seed"),
        (lambda c: c | {"steps": "many"}, "config.steps"),
        (lambda c: c | {"steps": True}, "config.steps"),
        (lambda c: c | {"precision": "fp8"}, "config.precision"),
        (lambda c: c | {"model": c["model"] | {"deltas": ["a"]}}, "config.model.deltas"),
        (lambda c: c | {"model": 3}, "config.model"),
        (lambda c: c | {"loss": c["loss"] | {"betas": 10**400}}, "config.loss.betas"),
        (lambda c: c | {"loss": c["loss"] | {"betas": float("nan")}}, "config.loss.betas"),
    ],
)
def test_what_is_not_ours_is_refused_by_name(change, named: str) -> None:  # type: ignore[no-untyped-def]
    value = json.loads(to_json(PRESETS["tiny"]()))
    with pytest.raises(BadConfigError, match=named):
        from_json(json.dumps(change(value)))


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"steps": ' + "1" * 5000 + "}"])
def test_not_json(text: str) -> None:
    with pytest.raises(BadConfigError, match="not JSON"):
        from_json(text)


def test_a_checkpoint_from_before_a_setting_says_what_it_did_then() -> None:
    config = replace(PRESETS["open"](), seed=3)
    value = json.loads(to_json(config))
    assert value["data"].pop("target_margin") == 5
    assert from_json(json.dumps(value)) == replace(config, data=replace(config.data, target_margin=0))


def test_a_phi_whose_name_ends_with_turn_is_turned_and_turn_stands_nowhere_else() -> None:
    assert DataConfig(phi_name="blazepose_turned+turn").turned
    assert not DataConfig(phi_name="blazepose_turned").turned
    with pytest.raises(BadConfigError, match="turn must come last"):
        _ = DataConfig(phi_name="turn+blazepose_turned").turned
