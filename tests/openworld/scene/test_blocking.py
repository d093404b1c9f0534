"""Films for trackers: who hides and who leaves, by the truth's own visibility and by the frame."""

from dataclasses import replace

import numpy as np
import pytest

from body.raster import Light, Rasteriser
from openworld.film.make import Film, make_film
from openworld.film.truth_file import read_people
from openworld.plan import plan_films
from openworld.scene.prop import box_mesh
from openworld.worlds import tracking_world
from storage.tables import row_views


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Film]:
    plans = plan_films(replace(tracking_world(1, seed=2), width=96, height=72))
    out = tmp_path_factory.mktemp("tracking")
    return {plan.kind: make_film(plan, out) for plan in plans if plan.kind in ("four", "hidden", "away")}


def _points(film: Film) -> list[np.ndarray]:
    return [row["keypoints_2d"].reshape(-1, 25, 3) for row in row_views(read_people(film.truth))]


def test_who_goes_behind_a_pillar_is_hidden_there_and_seen_before_and_after(tracking: dict[str, Film]) -> None:
    (points,) = _points(tracking["hidden"])
    seen = points[..., 2].sum(1)
    assert seen.min() <= 4
    assert min(seen[:10].mean(), seen[-10:].mean()) > 15
    behind = seen < 10
    assert (points[behind][..., 0] > 0).all()
    assert (points[behind][..., 0] < 96).all()


def test_who_leaves_is_out_of_the_frame_and_comes_back(tracking: dict[str, Film]) -> None:
    (points,) = _points(tracking["away"])
    inside = ((points[..., :2] >= 0) & (points[..., :2] < (96, 72))).all(-1)
    assert inside[:10].all()
    assert inside[-5:].all()
    assert inside.any(1).sum() < len(points) - 5
    assert not points[~inside][:, 2].any()


def test_four_people_keep_to_their_lanes(tracking: dict[str, Film]) -> None:
    people = [row["translation"].reshape(-1, 3) for row in row_views(read_people(tracking["four"].truth))]
    assert len(people) == 4
    for one in range(4):
        for other in range(one):
            assert np.linalg.norm(people[one] - people[other], axis=1).min() > 0.35


def test_a_box_is_closed_and_seen_from_outside() -> None:
    vertices, faces = box_mesh(np.array([-1.0, -1, 4, 1, 1, 6]))
    corners = vertices[faces].astype(float)
    volume = np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert volume == pytest.approx(8)
    black = np.zeros((50, 50, 3), np.uint8)
    _, depth = Rasteriser(faces, 50, 50, 1).draw(vertices, 50.0, (25, 25), np.ones(3), black, Light())
    assert depth[25, 25] == pytest.approx(4)
