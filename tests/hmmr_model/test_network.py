from dataclasses import replace

import pytest
import torch

from hmmr_model.configs import ModelConfig
from hmmr_model.network import HMMR, Head
from hmmr_model.presets import paper

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
