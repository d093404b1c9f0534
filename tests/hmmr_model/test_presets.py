import pytest

from hmmr_model.presets import PRESETS, paper


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
