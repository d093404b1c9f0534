"""How much faster are keypoints without vertices than a full-mesh smplx step? Prints the ratio.

    .venv/bin/python bench/body_keypoints.py            (about ten seconds)

One step is forward and backward from 25 keypoints to rotations and betas, for the same batch of bodies, on one thread.
The two alternate, and the ratio is of their median CPU times, which other work on the machine disturbs least.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import smplx
import torch
from torch import Tensor

from body.keypoints import KeypointModel
from body.rotations import axis_angle_to_matrix
from body.smpl_file import BodyArrays

BODIES = 64
ROUNDS = 5
LEAST = 20.0
"""Issue 3 asks for at least this ratio."""


def smplx_body(arrays: BodyArrays) -> smplx.SMPL:
    """smplx on the open body; it demands posedirs, and a regressor of ours replaces its landmark vertices."""
    struct = smplx.utils.Struct(
        v_template=arrays.v_template, shapedirs=arrays.shapedirs, J_regressor=arrays.J_regressor,
        posedirs=np.zeros((len(arrays.v_template), 3, 207)), weights=arrays.weights, f=arrays.faces,
        kintree_table=np.array([arrays.parents, range(24)]),
    )  # fmt: skip
    return smplx.SMPL("", data_struct=struct, create_body_pose=False, create_betas=False, create_global_orient=False,
                      create_transl=False)  # fmt: skip


def seconds(step: Callable[[Tensor, Tensor], Tensor], rotations: Tensor, betas: Tensor) -> float:
    """CPU time of one forward and backward pass."""
    inputs = rotations.clone().requires_grad_(), betas.clone().requires_grad_()
    start = time.process_time()
    step(*inputs).square().sum().backward()
    return time.process_time() - start


def main() -> None:
    """Measure, print, and end non-zero below the least ratio."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    fast = KeypointModel.load()
    mesh = smplx_body(fast.arrays)
    regressor = torch.as_tensor(fast.arrays.keypoint_regressor, dtype=torch.float32)

    def with_smplx(rotations: Tensor, betas: Tensor) -> Tensor:
        posed = mesh(betas=betas, global_orient=rotations[:, :1], body_pose=rotations[:, 1:], pose2rot=False)
        return regressor @ posed.vertices

    def without_vertices(rotations: Tensor, betas: Tensor) -> Tensor:
        keypoints: Tensor = fast(rotations, betas)[0]
        return keypoints

    rotations, betas = axis_angle_to_matrix(torch.randn(BODIES, 24, 3) * 0.5), torch.randn(BODIES, 10)
    error = (with_smplx(rotations, betas) - without_vertices(rotations, betas)).abs().max().item()
    times = [
        (seconds(with_smplx, rotations, betas), seconds(without_vertices, rotations, betas)) for _ in range(ROUNDS)
    ]
    slow_s, fast_s = (statistics.median(column) for column in zip(*times[1:], strict=True))
    print(f"keypoints of {BODIES} bodies, forward and backward, one thread; same points to {error * 1e6:.1f} um")
    print(f"full-mesh smplx {slow_s * 1e3:9.1f} ms\nwithout vertices {fast_s * 1e3:8.1f} ms")
    print(f"ratio {slow_s / fast_s:.0f} (at least {LEAST:.0f} asked)")
    raise SystemExit(slow_s < LEAST * fast_s)


if __name__ == "__main__":
    main()
