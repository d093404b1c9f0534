"""Joints regressed from a mesh, checked on the open body with a regressor of our own making."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from body.model import BodyModel
from body.open24 import OPEN24_FILE
from evaluation.errors import BadDatasetError, ProtocolMismatchError
from evaluation.metrics.mesh_joints import MeshJoints, read_regressor
from evaluation.protocols.joints import labels_for, predicted_joints, scored_names
from evaluation.protocols.registry import MPI_INF_3DHP, OFFICIAL_3DPW, OPEN_V1, SPIN
from evaluation.readers.truth_files import read_truth, truth_path, write_truth
from evaluation.score import score_sequences
from evaluation.sequence import Joints
from storage.tables import Labels3D


@pytest.fixture(scope="module")
def mesh() -> MeshJoints:
    body = BodyModel.load(OPEN24_FILE)
    rows = np.random.default_rng(0).random((17, len(body.v_template))) ** 8
    return MeshJoints(body, (rows / rows.sum(1, keepdims=True)).astype(np.float32))


@pytest.fixture(scope="module")
def motion() -> tuple[np.ndarray, np.ndarray]:
    turns = Rotation.from_rotvec(np.random.default_rng(1).normal(0, 0.3, (3 * 24, 3))).as_matrix()
    return turns.reshape(3, 24, 3, 3).astype(np.float32), np.linspace(-1, 1, 10).astype(np.float32)


def test_regressed_joints_are_the_regressor_times_the_mesh(mesh: MeshJoints, motion) -> None:
    import torch

    vertices, _ = mesh.body(torch.as_tensor(motion[0]), torch.as_tensor(motion[1]).expand(3, 10))
    joints = mesh("h36m_regressor", *motion)
    np.testing.assert_allclose(joints.points, mesh.regressor @ vertices.numpy(), atol=1e-5)
    mpi = mesh("mpi3d_17", *motion)
    np.testing.assert_allclose(mpi.pick(["head"])[:, 0], joints.points[:, 9])
    np.testing.assert_allclose(mpi.pick(["right_ankle"])[:, 0], joints.points[:, 6])


def test_truth_and_prediction_meet_in_the_protocols_own_joints(mesh: MeshJoints, motion, tmp_path: Path) -> None:
    rotations, betas = motion
    label = Labels3D(
        "seq/0", "test", "smpl_male", np.ones(3, bool), np.full((3, 25, 3), np.nan, np.float32),
        np.ones((3, 25, 3), np.float32), rotations, betas, None,
    )  # fmt: skip
    write_truth(tmp_path, "a", mesh("smpl_24", *motion))
    for protocol in (SPIN, OFFICIAL_3DPW):
        truth = labels_for(protocol, tmp_path, "a", label, lambda name: mesh)
        pred = predicted_joints(protocol, label.keypoints_3d, rotations, np.tile(betas, (3, 1)), lambda name: mesh)
        (score,) = score_sequences({"a": pred + 1}, {"a": truth}, protocol, names=scored_names(protocol))
        assert score.value("mpjpe_mm") == pytest.approx(0, abs=1e-2)
        assert score.n_frames == 3
    assert labels_for(OPEN_V1, tmp_path, "a", label, lambda name: mesh) is label


def test_truth_files_keep_names_and_points(tmp_path: Path) -> None:
    joints = Joints(("pelvis", "head"), np.random.default_rng(2).normal(size=(4, 2, 3)))
    write_truth(tmp_path, "t", joints)
    back = read_truth(tmp_path, "t")
    assert back.names == joints.names
    np.testing.assert_allclose(back.points, joints.points, atol=1e-6)
    truth_path(tmp_path, "t").write_bytes(b"torn")
    with pytest.raises(BadDatasetError, match="data prepare"):
        read_truth(tmp_path, "t")
    with pytest.raises(KeyError, match="spine"):
        joints.pick(MPI_INF_3DHP.joints)


def test_a_missing_or_misfitting_regressor_is_named(mesh: MeshJoints, motion, tmp_path: Path) -> None:
    with pytest.raises(ProtocolMismatchError, match="--regressor"):
        MeshJoints(mesh.body)("h36m_regressor", *motion)
    np.save(tmp_path / "r.npy", np.ones((17, 6890)))
    with pytest.raises(BadDatasetError, match=r"\(17, 6890\)"):
        read_regressor(tmp_path / "r.npy", len(mesh.body.v_template))
