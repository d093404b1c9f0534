"""Our skinning against smplx, values and gradients, on the open body and on a body with pose correctives."""

from pathlib import Path

import numpy as np
import pytest
import smplx
import torch

from body.model import BodyModel
from body.open24 import OPEN24_FILE
from body.rotations import axis_angle_to_matrix, mirror_pose
from body.smpl_file import BodyArrays


def oracle(arrays: BodyArrays) -> smplx.SMPL:
    """smplx on the same numbers; it demands posedirs even where they are zero, and knows no small meshes."""
    struct = smplx.utils.Struct(
        v_template=arrays.v_template,
        shapedirs=arrays.shapedirs,
        posedirs=np.zeros((len(arrays.v_template), 3, 207)) if arrays.posedirs is None else arrays.posedirs,
        J_regressor=arrays.J_regressor,
        weights=arrays.weights,
        kintree_table=np.array([arrays.parents, range(24)]),
        f=arrays.faces,
    )
    landmarks = dict.fromkeys(smplx.vertex_ids.vertex_ids["smplh"], 0)
    return smplx.SMPL("", data_struct=struct, batch_size=4, create_transl=False, vertex_ids=landmarks)


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    pose, betas, move = (torch.randn(4, n, generator=generator) for n in (72, 10, 3))
    return pose * 0.6, betas, move


@pytest.mark.parametrize("which", ["open24", "random"])
def test_vertices_joints_and_gradients_are_those_of_smplx(which: str, random_body: Path) -> None:
    body = BodyModel.load(OPEN24_FILE if which == "open24" else random_body)
    pose, betas, move = inputs()
    mine = [pose.clone().requires_grad_(), betas.clone().requires_grad_()]
    theirs = [pose.clone().requires_grad_(), betas.clone().requires_grad_()]
    vertices, joints = body(axis_angle_to_matrix(mine[0].reshape(4, 24, 3)), mine[1], move)
    out = oracle(body.arrays)(global_orient=theirs[0][:, :3], body_pose=theirs[0][:, 3:], betas=theirs[1], transl=move)
    torch.testing.assert_close(vertices, out.vertices, atol=1e-5, rtol=0)
    torch.testing.assert_close(joints, out.joints[:, :24], atol=1e-5, rtol=0)
    weight = torch.randn_like(vertices)
    ((vertices * weight).mean() + joints.square().mean()).backward()
    ((out.vertices * weight).mean() + out.joints[:, :24].square().mean()).backward()
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-5, rtol=1e-4)


def test_joints_alone_are_the_joints_of_the_whole_body(random_body: Path) -> None:
    body = BodyModel.load(random_body)
    pose, betas, _ = inputs()
    R = axis_angle_to_matrix(pose.reshape(4, 24, 3))
    torch.testing.assert_close(body.joints(R, betas), body(R, betas)[1])


def test_fewer_betas_are_zeros_at_the_end() -> None:
    body = BodyModel.load()
    pose, betas, _ = inputs()
    R = axis_angle_to_matrix(pose.reshape(4, 24, 3))
    betas[:, 4:] = 0
    torch.testing.assert_close(body(R, betas[:, :4])[0], body(R, betas)[0])


def test_the_mirrored_pose_of_the_open_body_is_its_mirror_image() -> None:
    body = BodyModel.load()
    pose, betas, _ = inputs()
    R = axis_angle_to_matrix(pose.reshape(4, 24, 3))
    mirror = np.load(OPEN24_FILE)["mirror"]
    seen = body(mirror_pose(R), betas)[0]
    expected = body(R, betas)[0][:, mirror] * torch.tensor([-1.0, 1, 1])
    torch.testing.assert_close(seen, expected, atol=1e-5, rtol=0)
