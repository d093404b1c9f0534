"""What real video has: each further kind of film against its own truth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from body.joints import KEYPOINTS_25, indices
from body.pictures import Pictures
from openworld.film.make import Film, make_film
from openworld.film.truth_file import read_people
from openworld.plan import FilmPlan, plan_films
from openworld.scene.exposure import Exposure
from openworld.scene.figure import Figure
from openworld.scene.shot import Shot, frames, stage
from openworld.worlds import CONDITIONS, UHD_SIZE, conditions_world
from storage.tables import row_views

WIDTH, HEIGHT = 128, 96
WORLD = replace(conditions_world(2, seed=1, seconds=1.6), width=WIDTH, height=HEIGHT)
PLANS: dict[tuple[str, int], FilmPlan] = {(plan.kind, plan.index % 2): plan for plan in plan_films(WORLD)}
LEGS = indices(["left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel", "right_heel"], KEYPOINTS_25)
SHOULDERS = indices(["left_shoulder", "right_shoulder"], KEYPOINTS_25)
HEAD = indices(["nose", "left_eye", "right_eye", "left_ear", "right_ear", "head_top"], KEYPOINTS_25)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Film]:
    out = tmp_path_factory.mktemp("conditions")
    return {key: make_film(plan, out) for key, plan in PLANS.items() if plan.kind != "uhd"}


def _points(film: Film) -> list[np.ndarray]:
    """Of each person (T, 25, 3): x, y, visible."""
    return [row["keypoints_2d"].reshape(-1, 25, 3) for row in row_views(read_people(film.truth))]


def _inside(points: np.ndarray) -> np.ndarray:
    return np.asarray(((points[..., :2] >= 0) & (points[..., :2] < (WIDTH, HEIGHT))).all(-1))


def _pixels(video: Path) -> np.ndarray:
    return np.stack([picture.copy() for picture in Pictures(video)]).astype(float)


def test_every_condition_is_in_the_world_with_a_plan_of_its_own() -> None:
    assert {plan.kind for plan in plan_films(conditions_world())} == set(CONDITIONS)
    assert len({plan.digest for plan in PLANS.values()}) == len(PLANS)


def test_4k_is_4k_and_leaves_the_other_films_at_their_size() -> None:
    sizes = {plan.kind: (plan.width, plan.height) for plan in PLANS.values()}
    assert sizes.pop("uhd") == UHD_SIZE
    assert set(sizes.values()) == {(WIDTH, HEIGHT)}


def test_2d_is_the_projection_of_3d_whatever_the_camera_does(made: dict[tuple[str, int], Film]) -> None:
    for film in made.values():
        for row in row_views(read_people(film.truth)):
            points = row["keypoints_3d"].reshape(-1, 25, 3)
            projected = row["focal"][:, None, None] * points[..., :2] / points[..., 2:] + (WIDTH / 2, HEIGHT / 2)
            assert np.abs(projected - row["keypoints_2d"].reshape(-1, 25, 3)[..., :2]).max() < 2e-3


@pytest.mark.parametrize("number", [0, 1])
def test_a_hand_held_camera_moves_and_keeps_the_person(made: dict[tuple[str, int], Film], figure: Figure, number: int
                                                       ) -> None:  # fmt: skip
    camera = stage(PLANS["handheld", number], 0, figure).camera
    assert np.ptp(camera.position, axis=0).max() > 0.03
    assert np.linalg.norm(np.diff(camera.position, axis=0), axis=1).max() < 0.1
    (points,) = _points(made["handheld", number])
    assert _inside(points).all()


@pytest.mark.parametrize("number", [0, 1])
def test_a_close_up_shows_the_upper_body_and_no_legs(made: dict[tuple[str, int], Film], number: int) -> None:
    (points,) = _points(made["closeup", number])
    assert _inside(points)[:, SHOULDERS].all()
    assert not points[:, indices(["left_ankle", "right_ankle", "left_heel", "right_heel"], KEYPOINTS_25), 2].any()


@pytest.mark.parametrize("number", [0, 1])
def test_a_face_is_all_that_a_film_of_a_face_shows(made: dict[tuple[str, int], Film], number: int) -> None:
    (points,) = _points(made["face", number])
    assert _inside(points)[:, HEAD].all()
    assert not points[:, [*LEGS, *indices(["left_hip", "right_hip"], KEYPOINTS_25)], 2].any()
    assert np.ptp(points[:, HEAD, 1], axis=1).mean() > HEIGHT / 4


@pytest.mark.parametrize("kind", ["poster", "screen"])
def test_a_pictured_person_is_drawn_and_is_nobody(made: dict[tuple[str, int], Film], figure: Figure, kind: str
                                                  ) -> None:  # fmt: skip
    assert sorted(made[kind, number].facts.n_people for number in (0, 1)) == [0, 1]
    for number in (0, 1):
        shot = stage(PLANS[kind, number], 0, figure)
        with_person, _ = next(frames(shot, figure, 1))
        (pictured,) = shot.pictured
        bare = replace(pictured, actor=pictured.actor.moved((0, 1000.0, 0)))
        without, _ = next(frames(replace(shot, pictured=(bare,)), figure, 1))
        assert (np.abs(with_person.astype(int) - without).max(-1) > 20).sum() > 60


def test_a_screen_moves_and_a_poster_does_not(figure: Figure) -> None:
    moved = {}
    for kind in ("poster", "screen"):
        (pictured,) = stage(PLANS[kind, 1], 0, figure).pictured
        first, last = pictured.drawn(figure, 0)[0], pictured.drawn(figure, len(pictured.shown) - 1)[0]
        moved[kind] = np.abs(first - last).max()
    assert moved["poster"] == 0
    assert moved["screen"] > 0.02


def test_a_picture_is_flat_and_lies_on_its_board(figure: Figure) -> None:
    for kind in ("poster", "screen"):
        (pictured,) = stage(PLANS[kind, 0], 0, figure).pictured
        vertices, _ = pictured.drawn(figure, 3)
        local = (vertices - pictured.centre) @ pictured.axes.T
        board = (pictured.boards[0].vertices - pictured.centre) @ pictured.axes.T
        assert np.ptp(local[:, 2]) < 0.02
        assert (local[:, 2] > 0).all()
        assert (np.abs(local[:, :2]) <= np.abs(board[:, :2]).max(0) * 1.05).all()


@pytest.mark.parametrize("number", [0, 1])
def test_furniture_hides_legs_that_are_in_the_frame(made: dict[tuple[str, int], Film], number: int) -> None:
    (points,) = _points(made["furniture", number])
    assert points[:, LEGS, 2].mean() < 0.1
    assert _inside(points)[:, LEGS].mean() > 0.9
    assert _inside(points)[:, SHOULDERS].all()


def test_groups_are_one_crowd_in_the_middle_of_the_film(made: dict[tuple[str, int], Film]) -> None:
    people = [row["translation"].reshape(-1, 3) for row in row_views(read_people(made["group", 0].truth))]
    assert len(people) == 6
    spread = np.stack(people).std(0).sum(1)
    assert spread[len(spread) // 2] < 0.7 * min(spread[0], spread[-1])
    apart = [np.linalg.norm(people[i] - people[j], axis=1).min() for i in range(6) for j in range(i)]
    assert min(apart) > 0.2


@pytest.mark.parametrize("number", [0, 1])
def test_one_enters_late_and_another_leaves(made: dict[tuple[str, int], Film], number: int) -> None:
    enters, leaves = (_inside(points).sum(1) for points in _points(made["late", number]))
    assert enters[:3].max() == 0
    assert enters[-1] == 25
    assert leaves[0] == 25
    assert leaves[-3:].max() == 0


def test_motion_blur_is_the_mean_of_the_light_about_the_time_of_the_truth(figure: Figure) -> None:
    shot = stage(PLANS["blur", 0], 0, figure)
    assert shot.clock.frames == 5 * PLANS["blur", 0].frames[0]
    assert shot.exposed.tolist()[:3] == [2, 7, 12]
    sharp = replace(shot, exposure=Exposure())
    drawn = frames(sharp, figure, 1)
    five = [next(drawn)[0].astype(float) for _ in range(5)]
    blurred, _ = next(frames(shot, figure, 1))
    expected = np.sqrt(np.mean(np.square(five), axis=0))
    assert np.abs(blurred - expected).mean() < 4  # each of the five has sensor noise of its own
    assert np.abs(blurred - five[0]).max() > 20


def test_light_adds_up_linearly() -> None:
    black, white = (np.full((2, 2, 3), level, np.uint8) for level in (0, 255))
    rng = np.random.default_rng(0)
    assert (Exposure(subframes=2).develop([black, white], rng) == 180).all()
    assert (Exposure(gain=0.25).develop([white], rng) == 128).all()
    assert Exposure().develop([white], rng) is white


@pytest.mark.parametrize("number", [0, 1])
def test_black_bars_hide_and_do_not_move_the_truth(made: dict[tuple[str, int], Film], figure: Figure, number: int
                                                   ) -> None:  # fmt: skip
    bars = stage(PLANS["letterbox", number], 0, figure).exposure.bars
    assert sum(bars) > 6
    covered = np.ones((HEIGHT, WIDTH), bool)
    covered[bars[1] : HEIGHT - bars[1], bars[0] : WIDTH - bars[0]] = False
    pixels = _pixels(made["letterbox", number].video)
    assert pixels[:, covered].mean() < 10
    (points,) = _points(made["letterbox", number])
    low, high = np.array(bars), np.array((WIDTH, HEIGHT)) - bars
    assert ((points[..., :2] > low) & (points[..., :2] < high)).all()
    assert points[..., 2].mean() > 0.5


def test_what_lies_under_a_bar_is_hidden() -> None:
    picture, depth = np.full((8, 8, 3), 9, np.uint8), np.full((16, 16), 5, np.float32)
    Exposure(bars=(2, 1)).mask(picture, depth, 2)
    assert (picture[:, :, 0] > 0).sum() == 4 * 6
    assert (depth > 0).sum() == 8 * 12
    assert depth[2, 4] == 5


def test_in_the_dark_little_light_is_left(made: dict[tuple[str, int], Film], figure: Figure) -> None:
    for number in (0, 1):
        shot: Shot = stage(PLANS["dark", number], 0, figure)
        lit, _ = next(frames(replace(shot, exposure=Exposure()), figure, 1))
        dark = _pixels(made["dark", number].video)[0]
        assert 0.1 < dark.mean() / lit.mean() < 0.45
