"""The exported files as other people's readers see them: bvhio for BVH, trimesh for glTF."""

from pathlib import Path

import numpy as np
import pytest

from body.joints import SMPL_24
from body.model import BodyModel
from hmmr_model.export.bvh import write_bvh
from hmmr_model.export.gltf import write_glb

Y_UP = np.array([1.0, -1, -1])


def test_bvhio_finds_the_joints_to_a_millimetre(make_person, body: BodyModel, tmp_path: Path) -> None:
    bvhio = pytest.importorskip("bvhio", reason="a second reader of BVH: pip install bvhio")
    person = make_person(20)
    root = bvhio.readAsHierarchy(str(write_bvh(person, body, tmp_path / "motion_0.bvh")))
    for frame in (0, 7, 19):
        root.loadPose(frame)
        place = {joint.Name: np.array(joint.PositionWorld) / 100 for joint, _, _ in root.layout()}
        shown = np.stack([place[name] for name in SMPL_24])
        np.testing.assert_allclose(shown, person.now.joints[frame] * Y_UP, atol=1e-3)


def test_trimesh_finds_the_joints_of_the_first_frame_and_a_closed_body(
    make_person, body: BodyModel, tmp_path: Path
) -> None:
    trimesh = pytest.importorskip("trimesh", reason="a second reader of glTF: pip install trimesh")
    person = make_person(20)
    scene = trimesh.load_scene(write_glb(person, body, tmp_path / "motion_0.glb"))
    shown = np.stack([scene.graph.get(name)[0][:3, 3] for name in SMPL_24])
    np.testing.assert_allclose(shown, person.now.joints[0] * Y_UP, atol=1e-3)
    (mesh,) = scene.geometry.values()
    assert (len(mesh.vertices), len(mesh.faces)) == (len(body.v_template), len(body.faces))
    assert 0.04 < mesh.volume < 0.11
