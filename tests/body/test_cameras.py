"""Weak and full perspective agree where they should, and crop coordinates invert."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from body.cameras import (
    assumed_focal,
    from_crop,
    perspective,
    to_crop,
    translation_to_weak,
    weak_perspective,
    weak_to_translation,
)

BOX = torch.tensor([[300.0, 100.0, 500.0, 300.0]])
CENTRE = torch.tensor([320.0, 240.0])


def test_scale_comes_after_the_shift() -> None:
    point, camera = torch.tensor([[[0.5, -0.25, 9.0]]]), torch.tensor([[0.8, 0.1, 0.2]])
    torch.testing.assert_close(weak_perspective(point, camera), torch.tensor([[[0.48, -0.04]]]))


def test_corners_of_the_box_are_the_corners_of_the_crop() -> None:
    corners = BOX.reshape(1, 2, 2)
    torch.testing.assert_close(to_crop(corners, BOX), torch.tensor([[[-1.0, -1.0], [1.0, 1.0]]]))


@given(st.floats(-2000, 2000), st.floats(-2000, 2000), st.floats(10, 3000), st.floats(-3, 3), st.floats(-3, 3))
def test_crop_coordinates_invert(x0: float, y0: float, size: float, u: float, v: float) -> None:
    box = torch.tensor([[x0, y0, x0 + size, y0 + size]], dtype=torch.float64)
    crop = torch.tensor([[[u, v]]], dtype=torch.float64)
    torch.testing.assert_close(to_crop(from_crop(crop, box), box), crop, atol=1e-9, rtol=1e-9)


def test_full_perspective_puts_the_body_where_weak_perspective_has_it() -> None:
    camera = torch.tensor([[0.9, 0.15, -0.3]])
    focal = assumed_focal(640, 480)
    translation = weak_to_translation(camera, BOX, focal, CENTRE)
    flat = torch.tensor([[[0.0, 0.0, 0.0], [0.4, -0.8, 0.0], [-0.3, 0.5, 0.0]]])
    weak = from_crop(weak_perspective(flat, camera), BOX)
    full = perspective(flat + translation[:, None], focal, CENTRE)
    torch.testing.assert_close(full, weak, atol=1e-3, rtol=0)


@given(st.floats(0.2, 3), st.floats(-2, 2), st.floats(-2, 2), st.floats(100, 5000))
def test_translation_and_weak_camera_invert(s: float, tx: float, ty: float, focal: float) -> None:
    camera = torch.tensor([[s, tx, ty]], dtype=torch.float64)
    translation = weak_to_translation(camera, BOX.double(), focal, CENTRE.double())
    torch.testing.assert_close(translation_to_weak(translation, BOX.double(), focal, CENTRE.double()), camera)


def test_assumed_focal_is_the_diagonal() -> None:
    assert assumed_focal(300, 400) == 500
