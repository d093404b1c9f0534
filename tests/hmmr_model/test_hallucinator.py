import torch

from hmmr_model.network import Hallucinator


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
