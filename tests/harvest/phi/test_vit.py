"""A ViT through timm, where it imports."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from harvest.phi.vit import VitConfig, VitPhi

HAS_TIMM = importlib.util.find_spec("timm") is not None


@pytest.mark.skipif(HAS_TIMM, reason="timm is here")
def test_without_timm_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportError, match="pip install timm torchvision"):
        VitPhi(VitConfig("vit_tiny_patch16_224", tmp_path / "x.pth"))


@pytest.mark.skipif(not HAS_TIMM, reason="optional: timm is not installed, and no torchvision loads beside CPU torch")
def test_features_are_timms_own(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    network = timm.create_model("vit_tiny_patch16_224", num_classes=5).eval()
    torch.save(network.state_dict(), tmp_path / "vit.pth")
    phi = VitPhi(VitConfig("vit_tiny_patch16_224", tmp_path / "vit.pth"))
    frame = np.full((224, 224, 3), 127, np.uint8)
    features, _ = phi.features([frame], np.array([[0, 0, 224, 224]]), np.zeros((1, 25, 3)))
    with torch.no_grad():
        image = torch.from_numpy((frame.transpose(2, 0, 1)[None] / 255 - 0.5) / 0.5).float()
        expected = network.forward_head(network.forward_features(image), pre_logits=True)
    np.testing.assert_allclose(features, expected.numpy(), atol=1e-4)
