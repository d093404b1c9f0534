import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from body.raster import Light, Rasteriser

FOCAL, CENTRE = 100.0, (50.0, 40.0)
WIDTH, HEIGHT = 100, 80
BLACK = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
FACING = np.array([[0, 2, 1]], np.int32)
"""With y down, a triangle whose corners go clockwise on the screen is seen from behind."""


def _on_screen(corners: np.ndarray, depth: float) -> np.ndarray:
    """Camera-frame points (N, 3) that fall on given pixels."""
    flat = (corners - CENTRE) / FOCAL * depth
    return np.column_stack([flat, np.full(len(corners), depth)]).astype(np.float32)


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.tuples(st.integers(2, 97), st.integers(2, 77)), min_size=3, max_size=3))
def test_a_triangle_covers_what_opencv_fills(points: list[tuple[int, int]]) -> None:
    corners = np.array(points, float)
    edges = corners[1:] - corners[0]
    turn = edges[0, 0] * edges[1, 1] - edges[0, 1] * edges[1, 0]
    if abs(turn) < 40:
        return
    faces = np.array([[0, 1, 2]] if turn < 0 else [[0, 2, 1]], np.int32)
    _, depth = Rasteriser(faces, WIDTH, HEIGHT, 1).draw(_on_screen(corners, 2.0), FOCAL, CENTRE, np.ones(3), BLACK)
    filled = cv2.fillConvexPoly(np.zeros((HEIGHT, WIDTH), np.uint8), corners.astype(np.int32), 1)
    inside = cv2.erode(filled, np.ones((3, 3), np.uint8), borderValue=0).astype(bool)
    around = cv2.dilate(filled, np.ones((3, 3), np.uint8)).astype(bool)
    drawn = np.isfinite(depth)
    assert drawn[inside].all()
    assert not drawn[~around].any()
    assert drawn.sum() == pytest.approx(abs(turn) / 2, abs=0.6 * np.linalg.norm(np.diff(corners, axis=0)) + 20)


def test_depth_is_that_of_the_plane() -> None:
    tilted = np.array([[-1, -1, 2], [-1, 1, 3], [1, -1, 4]], np.float32)
    _, depth = Rasteriser([[0, 1, 2]], WIDTH, HEIGHT, 1).draw(tilted, FOCAL, CENTRE, np.ones(3), BLACK)
    normal = np.cross(tilted[1] - tilted[0], tilted[2] - tilted[0])
    row, column = (axis[::37] for axis in np.nonzero(np.isfinite(depth)))
    rays = np.column_stack([(column + 0.5 - 50) / FOCAL, (row + 0.5 - 40) / FOCAL, np.ones(len(row))])
    assert len(row) > 20
    assert depth[row, column] == pytest.approx(normal @ tilted[0] / (rays @ normal), rel=1e-4)


def test_the_nearer_mesh_hides_the_farther_whatever_the_order() -> None:
    square = np.array([[20, 20], [60, 20], [20, 60]], float)
    near, far = _on_screen(square, 2.0), _on_screen(square + 8, 3.0)
    pictures = []
    for order in (((near, (1, 0, 0)), (far, (0, 1, 0))), ((far, (0, 1, 0)), (near, (1, 0, 0)))):
        raster = Rasteriser(FACING, WIDTH, HEIGHT, 2)
        raster.clear()
        for vertices, colour in order:
            raster.add(vertices, FOCAL, CENTRE, np.float32(colour), Light())
        pictures.append(raster.picture(BLACK))
    assert np.array_equal(*pictures)
    both = pictures[0][35, 32]
    assert both[0] > 4 * both[1]


def test_what_is_seen_from_behind_or_behind_the_camera_is_not_drawn() -> None:
    corners = np.array([[20, 20], [60, 20], [20, 60]], float)
    for vertices, faces in ((_on_screen(corners, 2.0), FACING[:, ::-1]), (-_on_screen(corners, 2.0), FACING)):
        picture, depth = Rasteriser(faces, WIDTH, HEIGHT).draw(vertices, FOCAL, CENTRE, np.ones(3), BLACK)
        assert not picture.any()
        assert np.isinf(depth).all()


def test_the_background_stays_where_nothing_is_and_edges_blend() -> None:
    background = np.full((HEIGHT, WIDTH, 3), 77, np.uint8)
    corners = np.array([[20.3, 20.4], [60.6, 20.1], [20.2, 60.7]])
    light = Light(sun=(0, 0, 0), sky=(1, 1, 1), ground=(1, 1, 1))
    picture, _ = Rasteriser(FACING, WIDTH, HEIGHT, 2).draw(
        _on_screen(corners, 2.0), FOCAL, CENTRE, np.zeros(3), background, light
    )
    assert (picture[:18] == 77).all()
    assert set(np.unique(picture // 10)) > {7}
    assert len(np.unique(picture)) > 3


def test_the_side_towards_the_sun_is_brighter() -> None:
    corners = np.array([[20, 20], [60, 20], [20, 60]], float)
    raster = Rasteriser(FACING, WIDTH, HEIGHT)
    lit, dark = (
        raster.draw(_on_screen(corners, 2.0), FOCAL, CENTRE, np.full(3, 0.5), BLACK, Light((0, 0, z)))[0].sum()
        for z in (-1.0, 1.0)
    )
    assert lit > 1.2 * dark


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="faces"):
        Rasteriser([[0, 1]], 4, 4)
    with pytest.raises(ValueError, match="background"):
        Rasteriser(FACING, 4, 4).picture(np.zeros((5, 4, 3), np.uint8))
