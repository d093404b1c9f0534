import json
from dataclasses import replace

import pytest

from hmmr_model.config_json import BadConfigError, from_json, to_json
from hmmr_model.presets import PRESETS


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
