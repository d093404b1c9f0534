"""The open body as films use it: its mesh for drawing and its exact keypoints for the truth.

T frames, V vertices, J 24 joints, 25 keypoints; metres.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import torch

from body.keypoints import KeypointModel
from body.open24 import OPEN24_FILE, Open24Extras, open24_extras
from body.raster.kernels import Floats
from body.raster.skin import Skin, skin_transforms
from body.smpl_file import read_body

BODY = "open24"


@dataclass(frozen=True)
class Figure:
    """One process's copy of the open body."""

    template: Floats
    """(V, 3) the neutral body at rest, y up, facing +z, origin near the pelvis."""
    shapedirs: Floats
    """(V, 3, 10) metres a unit of beta."""
    faces: npt.NDArray[np.int32]
    skin: Skin
    keypoint_model: KeypointModel
    extras: Open24Extras

    def shaped(self, betas: Floats) -> Floats:
        """Vertices (V, 3) at rest of the body with these betas (10)."""
        return self.template + self.shapedirs @ betas

    def rest_joints(self, betas: Floats) -> Floats:
        """Joints (J, 3) at rest of the body with these betas (10)."""
        model = self.keypoint_model
        shift = model.joints_shapedirs @ torch.as_tensor(betas)
        return np.asarray(model.joints_template + shift, np.float32)

    def transforms(self, rotations: npt.ArrayLike, betas: Floats) -> Floats:
        """Skinning maps (T, J, 3, 4) of a performance (T, J, 3, 3), without translation."""
        rest_J3 = torch.as_tensor(self.rest_joints(betas))
        turned = torch.as_tensor(np.asarray(rotations, np.float32))
        world, placed = self.keypoint_model.tree(turned, rest_J3.expand(len(turned), -1, -1))
        return skin_transforms(world.numpy(), placed.numpy(), rest_J3.numpy())

    def keypoints(self, rotations: npt.ArrayLike, betas: Floats) -> Floats:
        """Exact keypoints (T, 25, 3) of a performance (T, J, 3, 3), without translation, in the root's axes."""
        turned = torch.as_tensor(np.asarray(rotations, np.float32))
        points, _ = self.keypoint_model(turned, torch.as_tensor(betas).expand(len(turned), -1))
        return np.asarray(points, np.float32)


@cache
def open_figure() -> Figure:
    """Load the open body; cached, so that each process reads the file once."""
    arrays = read_body(OPEN24_FILE)
    return Figure(
        template=arrays.v_template.astype(np.float32),
        shapedirs=arrays.shapedirs.astype(np.float32),
        faces=arrays.faces.astype(np.int32),
        skin=Skin(arrays.weights),
        keypoint_model=KeypointModel(arrays),
        extras=open24_extras(),
    )


def random_betas(rng: np.random.Generator) -> Floats:
    """Shape (10) of a synthetic adult: between two of the body file's sampled adults, so that it is a person."""
    sample = open_figure().extras.betas_sample
    first, second = rng.choice(len(sample), 2, replace=False)
    share = rng.uniform(-0.1, 1.1)
    low, high = open_figure().extras.betas_range
    return np.asarray(np.clip(share * sample[first] + (1 - share) * sample[second], low, high), np.float32)
