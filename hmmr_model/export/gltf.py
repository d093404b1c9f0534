"""A person's motion as binary glTF: a skinned body of constant shape, 24 animated joints, root motion at the pelvis.

Units and axes are glTF's: metres, y up. Keyframes lie at the frames' own times. SMPL's pose correctives have no place
in glTF and are left out; the open body has none.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from body.joints import SMPL_24, SMPL_PARENTS
from body.model import BodyModel
from hmmr_model.export.animation import Animation, animation
from hmmr_model.export.glb_file import INDEX_TARGET, VERTEX_TARGET, GlbBuffer
from hmmr_model.export.person_motion import PersonMotion
from storage.atomic import write_atomically

INFLUENCES = 4
"""Joints a vertex may have in the set that every viewer reads (JOINTS_0)."""

MESH_NODE, FIRST_JOINT_NODE = 0, 1
_PAINT = {"baseColorFactor": [0.35, 0.62, 0.75, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.8}


def write_glb(motion: PersonMotion, body: BodyModel, path: Path) -> Path:
    """Write the .glb, whole or not at all."""
    return write_atomically(path, glb_bytes(animation(motion, body), body))


def glb_bytes(moving: Animation, body: BodyModel) -> bytes:
    """The file's content."""
    buffer = GlbBuffer()
    description = {
        "asset": {"version": "2.0", "generator": "hmmr-harvest"},
        "scene": 0,
        "scenes": [{"nodes": [MESH_NODE, FIRST_JOINT_NODE]}],
        "nodes": [{"name": "person", "mesh": 0, "skin": 0}, *_joint_nodes(moving)],
        "meshes": [{"name": "body", "primitives": [_primitive(buffer, moving, body)]}],
        "materials": [{"name": "plain", "pbrMetallicRoughness": _PAINT}],
        "skins": [_skin(buffer, moving)],
        "animations": [_clip(buffer, moving)],
    }
    return buffer.file(description)


def _joint_nodes(moving: Animation) -> list[dict[str, Any]]:
    """The skeleton at its first keyframe, so that viewers without animation show a pose too."""
    offsets = moving.rest_joints - moving.rest_joints[list(SMPL_PARENTS)]
    offsets[0] = moving.pelvis[0]
    turns = Rotation.from_matrix(moving.rotations[0]).as_quat()
    nodes: list[dict[str, Any]] = []
    for j, name in enumerate(SMPL_24):
        children = [FIRST_JOINT_NODE + c for c, parent in enumerate(SMPL_PARENTS) if parent == j]
        node = {"name": name, "translation": offsets[j].tolist(), "rotation": turns[j].tolist()}
        nodes.append(node | ({"children": children} if children else {}))
    return nodes


def _primitive(buffer: GlbBuffer, moving: Animation, body: BodyModel) -> dict[str, Any]:
    vertices_V3 = _shape(moving, body)
    joints_V4, weights_V4 = _influences(body.weights.numpy())
    attributes = {
        "POSITION": buffer.add(vertices_V3, VERTEX_TARGET, bounds=True),
        "NORMAL": buffer.add(_normals(vertices_V3, body.faces), VERTEX_TARGET),
        "JOINTS_0": buffer.add(joints_V4, VERTEX_TARGET),
        "WEIGHTS_0": buffer.add(weights_V4, VERTEX_TARGET),
    }
    indices = buffer.add(body.faces.astype(np.uint32).ravel(), INDEX_TARGET)
    return {"attributes": attributes, "indices": indices, "material": 0}


def _shape(moving: Animation, body: BodyModel) -> np.ndarray:
    """Vertices (V, 3) of the shape at rest."""
    rest = torch.eye(3).expand(1, len(SMPL_24), 3, 3)
    with torch.no_grad():
        vertices: np.ndarray = body(rest, torch.from_numpy(moving.betas)[None])[0][0].numpy()
    return vertices


def _influences(weights_VJ: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The four strongest joints of each vertex (V, 4) and their weights (V, 4), which sum to one."""
    joints_V4 = np.argsort(-weights_VJ, axis=1)[:, :INFLUENCES]
    weights_V4 = np.take_along_axis(weights_VJ, joints_V4, axis=1).astype(np.float64)
    weights_V4 /= weights_V4.sum(1, keepdims=True)
    # glTF asks for joint 0 where the weight is zero.
    return np.where(weights_V4 > 0, joints_V4, 0).astype(np.uint8), weights_V4.astype(np.float32)


def _normals(vertices_V3: np.ndarray, faces_F3: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3): the sum of the normals of a vertex's faces, weighted by their area."""
    a_F3, b_F3, c_F3 = (vertices_V3[faces_F3[:, i]] for i in range(3))
    face_F3 = np.cross(b_F3 - a_F3, c_F3 - a_F3).astype(np.float64)
    normals_V3 = np.zeros(vertices_V3.shape)
    for i in range(3):
        np.add.at(normals_V3, faces_F3[:, i], face_F3)
    length_V1 = np.linalg.norm(normals_V3, axis=1, keepdims=True)
    upright_V3 = np.where(length_V1 > 0, normals_V3 / np.maximum(length_V1, 1e-30), [0.0, 1, 0])
    return np.asarray(upright_V3, np.float32)


def _skin(buffer: GlbBuffer, moving: Animation) -> dict[str, Any]:
    inverse_J44 = np.tile(np.eye(4, dtype=np.float32), (len(SMPL_24), 1, 1))
    inverse_J44[:, :3, 3] = -moving.rest_joints
    joints = [FIRST_JOINT_NODE + j for j in range(len(SMPL_24))]
    return {"skeleton": FIRST_JOINT_NODE, "joints": joints, "inverseBindMatrices": buffer.add(inverse_J44)}


def _clip(buffer: GlbBuffer, moving: Animation) -> dict[str, Any]:
    times = buffer.add(moving.times.astype(np.float32), bounds=True)
    outputs = [("translation", 0, moving.pelvis.astype(np.float32))]
    outputs += [("rotation", j, _quaternions(moving.rotations[:, j])) for j in range(len(SMPL_24))]
    samplers, channels = [], []
    for i, (path, joint, values) in enumerate(outputs):
        samplers.append({"input": times, "output": buffer.add(values), "interpolation": "LINEAR"})
        channels.append({"sampler": i, "target": {"node": FIRST_JOINT_NODE + joint, "path": path}})
    return {"name": "motion", "samplers": samplers, "channels": channels}


def _quaternions(R_T33: np.ndarray) -> np.ndarray:
    """xyzw (T, 4), each on the side of the one before, so that LINEAR takes the short way round."""
    q_T4 = Rotation.from_matrix(R_T33).as_quat()
    flips = np.cumprod(np.where((q_T4[1:] * q_T4[:-1]).sum(1) < 0, -1.0, 1.0))
    q_T4[1:] *= flips[:, None]
    return np.asarray(q_T4, np.float32)
