"""The shipped body: its checksum, its symmetry, its proportions."""

import hashlib

import numpy as np

from body.joints import KEYPOINTS_25, SMPL_24, mirror_permutation
from body.open24 import OPEN24_FILE, OPEN24_SHA256, open24_extras
from body.smpl_file import read_body

FLIP = np.array([-1.0, 1, 1])


def test_the_file_is_the_one_that_the_builder_made() -> None:
    assert hashlib.sha256(OPEN24_FILE.read_bytes()).hexdigest() == OPEN24_SHA256
    assert OPEN24_FILE.stat().st_size < 2.5e6


def test_left_and_right_are_mirror_images() -> None:
    body, mirror = read_body(OPEN24_FILE), open24_extras().mirror
    np.testing.assert_array_equal(body.v_template[mirror] * FLIP, body.v_template)
    np.testing.assert_array_equal(body.shapedirs[mirror] * FLIP[:, None], body.shapedirs)
    np.testing.assert_array_equal(body.weights[mirror][:, mirror_permutation(SMPL_24)], body.weights)
    np.testing.assert_array_equal(body.J_regressor[mirror_permutation(SMPL_24)][:, mirror], body.J_regressor)
    assert body.keypoint_regressor is not None
    swapped = body.keypoint_regressor[mirror_permutation(KEYPOINTS_25)][:, mirror]
    np.testing.assert_array_equal(swapped, body.keypoint_regressor)


def test_rows_are_convex_and_no_vertex_has_more_than_four_joints() -> None:
    body = read_body(OPEN24_FILE)
    for rows in (body.weights, body.J_regressor, body.keypoint_regressor):
        assert rows is not None
        assert rows.min() >= 0
        np.testing.assert_allclose(rows.sum(1), 1, atol=1e-6)
    assert (body.weights > 0).sum(1).max() <= 4


def test_proportions_are_those_of_an_adult() -> None:
    body = read_body(OPEN24_FILE)
    joints = dict(zip(SMPL_24, body.J_regressor @ body.v_template, strict=True))
    assert 1.6 < np.ptp(body.v_template[:, 1]) < 1.8
    assert np.linalg.norm(joints["pelvis"]) < 0.005
    # SMPL's spine joints sit at about +0.12, +0.26 and +0.31 m above the pelvis (docs/films.md A).
    for name, height in (("spine1", 0.12), ("spine2", 0.26), ("spine3", 0.33)):
        assert abs(joints[name][1] - height) < 0.02
    a, b, c = (body.v_template[body.faces[:, i]] for i in range(3))
    litres = 1000 * np.einsum("fi,fi->", a, np.cross(b, c)) / 6
    assert 55 < litres < 80


def test_betas_are_whitened_and_taller_people_have_more_of_the_first() -> None:
    extras, body = open24_extras(), read_body(OPEN24_FILE)
    np.testing.assert_allclose(np.cov(extras.betas_sample.T), np.eye(10), atol=1e-4)
    assert (body.shapedirs[:, 1, 0] * np.sign(body.v_template[:, 1])).sum() > 0
    assert (extras.betas_range[0] < -1).all()
    assert (extras.betas_range[1] > 1).all()


def test_parts_are_where_their_names_say() -> None:
    extras, body = open24_extras(), read_body(OPEN24_FILE)
    mean = {name: body.v_template[extras.part == code].mean(0) for code, name in enumerate(extras.part_names)}
    assert extras.part_names == ("torso", "arm", "hand", "leg", "foot", "head", "eye")
    assert mean["head"][1] > mean["torso"][1] > mean["leg"][1] > mean["foot"][1]
    np.testing.assert_array_equal(extras.part, extras.part[extras.mirror])
