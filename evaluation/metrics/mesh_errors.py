"""Per-vertex errors of a predicted body against the labelled one, where both are of one mesh (SMPL's files).

Nothing is aligned but what the name says: both bodies stand at their own origin with translation 0, as in HMMR's and
VIBE's code; later papers subtract a pelvis first, and their PVE is another measure (docs/hazards.md, 15).

Legend: T frames, V vertices; metres, camera axes.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from body.model import BodyModel
from evaluation.errors import ProtocolMismatchError
from evaluation.metrics.joints import pa_pve, pve
from storage.tables import Labels3D

_FRAMES_AT_ONCE = 64


def mesh_errors(
    rotations: NDArray[np.float32],
    betas: NDArray[np.float32],
    label: Labels3D,
    predicted_body: BodyModel,
    labelled_body: BodyModel,
) -> dict[str, NDArray[np.float64]]:
    """`pve_mm` and `pa_pve_mm` of every frame with a valid label, in order; none for a label without a body.

    `rotations` (T, 24, 3, 3) and `betas` (T, 10) are the prediction's. ProtocolMismatchError where the bodies differ
    in their vertices.
    """
    if label.rotations is None or label.betas is None:
        return {}
    if predicted_body.v_template.shape != labelled_body.v_template.shape:
        raise ProtocolMismatchError("the predicted and the labelled body are not of one mesh: no per-vertex error")
    valid = np.flatnonzero(label.valid)
    shape = np.tile(label.betas, (len(label.valid), 1))
    pairs = [
        (pve(first, second), pa_pve(first, second))
        for first, second in zip(
            _meshes(predicted_body, rotations[valid], betas[valid]),
            _meshes(labelled_body, label.rotations[valid], shape[valid]),
            strict=True,
        )
    ]
    if not pairs:
        return {}
    plain, aligned = (torch.cat(parts).numpy() for parts in zip(*pairs, strict=True))
    return {"pve_mm": plain, "pa_pve_mm": aligned}


def _meshes(body: BodyModel, rotations: NDArray[np.float32], betas: NDArray[np.float32]) -> Iterator[Tensor]:
    for start in range(0, len(rotations), _FRAMES_AT_ONCE):
        rows = slice(start, start + _FRAMES_AT_ONCE)
        with torch.no_grad():
            vertices, _ = body(torch.as_tensor(rotations[rows]), torch.as_tensor(betas[rows].astype(np.float32)))
        yield vertices
