"""Ten shape directions by principal components over the vertices, unit variance over sampled adults.

Legend: N shapes, V vertices, K = 10 betas.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

BETAS = 10


@dataclass(frozen=True)
class ShapeSpace:
    """v = template (V, 3) + shapedirs (V, 3, K) @ betas.

    Betas of the sampled adults, `sample` (N, K), have mean 0, variance 1 and no correlation; `explained` (K) is the
    cumulative share of the variance.
    """

    template: Array
    shapedirs: Array
    sample: Array
    explained: Array


def shape_space(vertices_NV3: Array) -> ShapeSpace:
    """Principal components by the small Gram matrix. Signs: more of any beta stretches the body upwards."""
    count = len(vertices_NV3)
    mean_V3 = vertices_NV3.mean(0)
    centred_NX = (vertices_NV3 - mean_V3).reshape(count, -1)
    variance_N, basis_NN = np.linalg.eigh(centred_NX @ centred_NX.T / (count - 1))
    variance_K, scores_NK = variance_N[::-1][:BETAS], basis_NN[:, ::-1][:, :BETAS] * np.sqrt(count - 1)
    dirs_V3K = (centred_NX.T @ scores_NK / (count - 1)).reshape(-1, 3, BETAS)
    sign_K = np.where((dirs_V3K[:, 1] * np.sign(mean_V3[:, 1:2])).sum(0) < 0, -1.0, 1.0)
    return ShapeSpace(
        mean_V3, dirs_V3K * sign_K, scores_NK * sign_K, np.cumsum(variance_K) / variance_N.clip(min=0).sum()
    )
