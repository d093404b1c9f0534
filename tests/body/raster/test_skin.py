import numpy as np
import torch

from body.model import BodyModel
from body.raster.skin import Skin, skin_transforms


def test_skinning_for_drawing_agrees_with_the_body_model() -> None:
    torch.manual_seed(0)
    body = BodyModel.load()
    rotations = torch.linalg.qr(torch.eye(3) + 0.4 * torch.randn(3, 24, 3, 3))[0]
    rotations = rotations * torch.linalg.det(rotations)[..., None, None]
    betas = torch.randn(1, 10).expand(3, 10)
    vertices, _ = body(rotations, betas)
    rest = body.rest_joints(betas)
    turned, placed = body.tree(rotations, rest)
    transforms = skin_transforms(turned, placed, rest[0])
    shaped = (body.v_template + body.shapedirs @ betas[0]).numpy()
    skin = Skin(body.weights.numpy())
    for frame in range(3):
        assert np.abs(skin.pose(shaped, transforms[frame]) - vertices[frame].numpy()).max() < 1e-5
