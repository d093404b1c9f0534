import torch

from hmmr_model.network import MIN_STD, Standardise


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
