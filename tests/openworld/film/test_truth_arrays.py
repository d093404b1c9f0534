import numpy as np
import pytest
import torch

from body.keypoints import KeypointModel
from body.model import BodyModel
from body.open24 import OPEN24_FILE
from body.smpl_file import read_body
from openworld.film.make import Film, stage_film
from openworld.film.truth_arrays import depth_inside, truth_of, visible
from openworld.film.truth_file import read_people
from openworld.plan import plan_films
from openworld.scene.figure import Figure
from openworld.scene.shot import frames
from openworld.worlds import WorldConfig
from storage.tables import row_views


def _rows(film: Film) -> list[dict[str, np.ndarray]]:
    return [
        {name: row[name].reshape(-1, width) for name, width in
         (("keypoints_3d", 75), ("keypoints_2d", 75), ("rotations", 216), ("translation", 3), ("present", 1),
          ("focal", 1), ("betas", 10))} | {"size": np.array([row["width"], row["height"]])}
        for row in row_views(read_people(film.truth))
    ]  # fmt: skip


def test_2d_is_the_perspective_projection_of_3d(films: dict[str, Film]) -> None:
    for film in films.values():
        for row in _rows(film):
            here = row["present"][:, 0].astype(bool)
            points = row["keypoints_3d"][here].reshape(-1, 25, 3)
            seen = row["keypoints_2d"][here].reshape(-1, 25, 3)
            focal = row["focal"][here][:, None]
            projected = focal * points[..., :2] / points[..., 2:] + row["size"] / 2
            assert np.abs(projected - seen[..., :2]).max() < 1e-3
            assert (points[..., 2] > 0.5).all()


def test_the_body_model_gives_the_same_keypoints(films: dict[str, Film]) -> None:
    regressor = torch.as_tensor(read_body(OPEN24_FILE).keypoint_regressor, dtype=torch.float32)
    body, exact = BodyModel.load(), KeypointModel.load()
    for row in _rows(films["unlabelled_0001"]):
        here = np.flatnonzero(row["present"])[::5]
        rotations = torch.as_tensor(row["rotations"][here].reshape(-1, 24, 3, 3))
        betas = torch.tensor(row["betas"]).expand(len(here), 10)
        translation = torch.as_tensor(row["translation"][here])
        truth = row["keypoints_3d"][here].reshape(-1, 25, 3)
        vertices, _ = body(rotations, betas, translation)
        assert (regressor @ vertices).numpy() == pytest.approx(truth, abs=2e-5)
        assert (exact(rotations, betas)[0] + translation[:, None]).numpy() == pytest.approx(truth, abs=1e-6)


def test_keypoints_lie_inside_the_drawn_person(figure: Figure, small_world: WorldConfig) -> None:
    plan = next(plan for plan in plan_films(small_world) if plan.film_id == "labelled_0000")
    (shot,) = stage_film(plan, figure)
    truth = truth_of(shot, shot.actors[0], figure)
    for frame, (_, depth) in enumerate(frames(shot, figure, 2)):
        column, row = np.floor(truth.pixels[frame].T * 2).astype(int)
        drawn = np.isfinite(depth)
        near = [drawn[max(r - 2, 0) : r + 3, max(c - 2, 0) : c + 3].any() for r, c in zip(row, column, strict=True)]
        assert all(near)


def test_somebody_in_front_hides_and_the_frames_edge_too(figure: Figure, small_world: WorldConfig) -> None:
    plan = next(plan for plan in plan_films(small_world) if plan.film_id == "labelled_0000")
    (shot,) = stage_film(plan, figure)
    truth = truth_of(shot, shot.actors[0], figure)
    slack = depth_inside(figure)
    nothing = np.full((240, 320), np.inf, np.float32)
    assert visible(truth, 0, nothing, slack, 2).all()
    wall = np.full((240, 320), truth.keypoints_3d[0, :, 2].min() - 0.5, np.float32)
    assert not visible(truth, 0, wall, slack, 2).any()
    truth.pixels[0] += 1000
    assert not visible(truth, 0, nothing, slack, 2).any()


def test_a_back_view_hides_the_face(films: dict[str, Film]) -> None:
    nose, hidden, shown = 14, [], []
    for film in films.values():
        for row in _rows(film):
            here = row["present"][:, 0].astype(bool)
            points, seen = (row[name][here].reshape(-1, 25, 3) for name in ("keypoints_3d", "keypoints_2d"))
            behind = points[:, nose, 2] - points[:, [17, 18], 2].mean(1)
            hidden += seen[behind > 0.06, nose, 2].tolist()
            shown += seen[behind < -0.06, nose, 2].tolist()
    assert len(hidden) + len(shown) > 20
    assert not hidden or np.mean(hidden) < 0.1
    assert not shown or np.mean(shown) > 0.8
