"""glTF read back by a reader written here from the specification: joints, skinned vertices, times."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from body.joints import SMPL_24
from body.model import BodyModel
from hmmr_model.export.gltf import write_glb

Y_UP = np.array([1.0, -1, -1])
TYPES = {5126: "<f4", 5121: "u1", 5125: "<u4"}
WIDTH = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Glb:
    """A binary glTF taken apart, with the checks that the specification asks of a container."""

    def __init__(self, content: bytes) -> None:
        magic, version, length = struct.unpack_from("<4sII", content)
        assert (magic, version, length) == (b"glTF", 2, len(content))
        size, kind = struct.unpack_from("<I4s", content, 12)
        assert kind == b"JSON"
        self.json = json.loads(content[20 : 20 + size])
        binary_size, kind = struct.unpack_from("<I4s", content, 20 + size)
        assert kind == b"BIN\0"
        assert size % 4 == binary_size % 4 == 0
        self.binary = content[28 + size :]
        assert len(self.binary) == binary_size == self.json["buffers"][0]["byteLength"]

    def array(self, index: int) -> np.ndarray:
        accessor = self.json["accessors"][index]
        view = self.json["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        kind, width = np.dtype(TYPES[accessor["componentType"]]), WIDTH[accessor["type"]]
        assert view["byteLength"] == kind.itemsize * width * accessor["count"]
        values = np.frombuffer(self.binary, kind, accessor["count"] * width, view["byteOffset"])
        return values.reshape(accessor["count"], width)

    def joint_transforms(self, keyframe: int) -> np.ndarray:
        """World matrices (24, 4, 4) of the skin's joints with the animation's values at one keyframe."""
        nodes, clip = [dict(node) for node in self.json["nodes"]], self.json["animations"][0]
        for channel in clip["channels"]:
            values = self.array(clip["samplers"][channel["sampler"]]["output"])
            nodes[channel["target"]["node"]][channel["target"]["path"]] = values[keyframe]
        world: dict[int, np.ndarray] = {}

        def visit(index: int, above: np.ndarray) -> None:
            local = np.eye(4)
            local[:3, :3] = Rotation.from_quat(nodes[index].get("rotation", [0, 0, 0, 1])).as_matrix()
            local[:3, 3] = nodes[index].get("translation", [0, 0, 0])
            world[index] = above @ local
            for child in nodes[index].get("children", []):
                visit(child, world[index])

        for root in self.json["scenes"][0]["nodes"]:
            visit(root, np.eye(4))
        return np.stack([world[joint] for joint in self.json["skins"][0]["joints"]])

    def vertices(self, keyframe: int) -> np.ndarray:
        """Skinned vertices (V, 3) at one keyframe."""
        attributes = self.json["meshes"][0]["primitives"][0]["attributes"]
        position, joints, weights = (self.array(attributes[a]) for a in ("POSITION", "JOINTS_0", "WEIGHTS_0"))
        # MAT4 is stored column by column.
        inverse = self.array(self.json["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
        matrices = self.joint_transforms(keyframe) @ inverse
        blended = np.einsum("vk,vkij->vij", weights, matrices[joints])
        return np.einsum("vij,vj->vi", blended, np.c_[position, np.ones(len(position))])[:, :3]


@pytest.fixture(scope="module")
def walk(make_person):
    return make_person(20)


@pytest.fixture(scope="module")
def glb(walk, body: BodyModel, tmp_path_factory: pytest.TempPathFactory) -> Glb:
    path: Path = write_glb(walk, body, tmp_path_factory.mktemp("glb") / "motion_0.glb")
    return Glb(path.read_bytes())


def test_joints_are_where_the_prediction_has_them(walk, glb: Glb) -> None:
    for keyframe in (0, 7, 19):
        joints = glb.joint_transforms(keyframe)[:, :3, 3]
        np.testing.assert_allclose(joints, walk.now.joints[keyframe] * Y_UP, atol=1e-4)


def test_skinned_vertices_are_those_of_the_body_model(walk, glb: Glb, body: BodyModel) -> None:
    now, one = walk.now, slice(7, 8)
    vertices, _ = body(*(torch.from_numpy(x[one]) for x in (now.rotations, now.betas, now.translation)))
    np.testing.assert_allclose(glb.vertices(7), vertices[0].numpy() * Y_UP, atol=1e-4)


def test_keyframes_lie_at_the_frames_times_and_the_root_moves(walk, glb: Glb) -> None:
    clip = glb.json["animations"][0]
    times = glb.array(clip["samplers"][0]["input"])[:, 0]
    np.testing.assert_allclose(times, np.arange(20) / 25, atol=1e-6)
    way = glb.array(clip["samplers"][0]["output"])
    assert clip["channels"][0]["target"]["path"] == "translation"
    assert np.linalg.norm(way[-1] - way[0]) > 0.1


def test_what_viewers_demand(glb: Glb) -> None:
    assert glb.json["asset"]["version"] == "2.0"
    assert [glb.json["nodes"][j]["name"] for j in glb.json["skins"][0]["joints"]] == list(SMPL_24)
    primitive = glb.json["meshes"][0]["primitives"][0]
    position = glb.json["accessors"][primitive["attributes"]["POSITION"]]
    values = glb.array(primitive["attributes"]["POSITION"])
    np.testing.assert_allclose([position["min"], position["max"]], [values.min(0), values.max(0)])
    assert glb.array(primitive["indices"]).max() < len(values)
    np.testing.assert_allclose(np.linalg.norm(glb.array(primitive["attributes"]["NORMAL"]), axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(glb.array(primitive["attributes"]["WEIGHTS_0"]).sum(1), 1, atol=1e-6)
    for sampler in glb.json["animations"][0]["samplers"][1:]:
        turns = glb.array(sampler["output"])
        np.testing.assert_allclose(np.linalg.norm(turns, axis=1), 1, atol=1e-5)
        assert ((turns[1:] * turns[:-1]).sum(1) >= 0).all()


def test_a_photograph_becomes_three_keyframes(make_person, body: BodyModel, tmp_path: Path) -> None:
    photo = make_person(1)
    glb = Glb(write_glb(photo, body, tmp_path / "photo.glb").read_bytes())
    for keyframe, pose in enumerate((photo.past, photo.now, photo.future)):
        np.testing.assert_allclose(glb.joint_transforms(keyframe)[:, :3, 3], pose.joints[0] * Y_UP, atol=1e-4)


def test_the_first_key_of_who_comes_in_later_is_at_their_own_time(make_person, body: BodyModel, tmp_path: Path) -> None:
    late = replace(make_person(20, pts=1000 + 512 * np.arange(13, 33)), clock_start=1000)
    glb = Glb(write_glb(late, body, tmp_path / "motion_1.glb").read_bytes())
    times = glb.array(glb.json["animations"][0]["samplers"][0]["input"])[:, 0]
    np.testing.assert_allclose(times, (13 + np.arange(20)) / 25, atol=1e-6)
