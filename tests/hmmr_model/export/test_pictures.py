from dataclasses import replace
from pathlib import Path

import cv2
import decord
import numpy as np
import pytest

from body.model import BodyModel
from hmmr_model.export.pictures import photo_strip, render_motion, write_photo_strip

GREY = np.full((240, 320, 3), 90, np.uint8)


def test_the_mesh_lies_over_the_person_and_beside_it_the_side_view(
    make_person, body: BodyModel, tmp_path: Path
) -> None:
    person = make_person(4)
    frames = [(index, GREY) for index in range(2, 7)]
    told: list[int] = []
    path = render_motion(frames, [person], body, tmp_path / "out.mp4", 25, progress=told.append)
    reader = decord.VideoReader(str(path))
    pictures = reader.get_batch(range(len(reader))).asnumpy()
    assert pictures.shape == (5, 240, 640, 3)
    assert reader.get_avg_fps() == pytest.approx(25)
    assert told == [1, 2, 3, 4, 5]
    changed = np.abs(pictures[1, :, :320].astype(int) - 90).max(-1) > 25
    y, x = np.nonzero(changed)
    points = person.now.keypoints_2d[0]
    assert abs(x.min() - points[:, 0].min()) < 25
    assert abs(x.max() - points[:, 0].max()) < 25
    assert abs(y.min() - points[:, 1].min()) < 20
    assert changed[points.round().astype(int)[:, 1], points.round().astype(int)[:, 0]].mean() > 0.8
    assert (np.abs(pictures[1, :, 320:].astype(int) - 236).max(-1) > 25).sum() > 1000


def test_a_frame_without_the_person_is_left_alone(make_person, body: BodyModel, tmp_path: Path) -> None:
    path = render_motion([(0, GREY), (3, GREY)], [make_person(4)], body, tmp_path / "out.mp4", 25)
    first = decord.VideoReader(str(path))[0].asnumpy()
    assert np.abs(first[:, :320].astype(int) - 90).max() < 6
    assert np.abs(first[:, 320:].astype(int) - 236).max() < 6


def test_large_pictures_are_shown_smaller_with_even_sides(make_person, body: BodyModel, tmp_path: Path) -> None:
    path = render_motion([(3, GREY)], [make_person(4)], body, tmp_path / "out.mp4", 25, max_height=101)
    assert decord.VideoReader(str(path))[0].shape == (100, 2 * 134, 3)


def test_nobody_is_an_error_and_leaves_no_file(body: BodyModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nobody was predicted"):
        render_motion([(0, GREY)], [], body, tmp_path / "out.mp4", 25)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_video_leaves_no_file(make_person, body: BodyModel, tmp_path: Path) -> None:
    def broken():
        yield 3, GREY
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_motion(broken(), [make_person(4)], body, tmp_path / "out.mp4", 25)
    assert not list(tmp_path.iterdir())


def test_the_strip_shows_past_present_and_future(make_person, body: BodyModel, tmp_path: Path) -> None:
    strip = cv2.imread(str(write_photo_strip(GREY, [make_person(1)], body, tmp_path / "strip.png")))
    assert strip.shape == (480, 960, 3)
    past, now, future = (strip[:, 320 * i : 320 * (i + 1)].astype(int) for i in range(3))
    assert np.abs(past - now).mean() > 0.5
    assert np.abs(future - now).mean() > 0.5


def test_a_model_without_a_hallucinator_gives_one_column(make_person, body: BodyModel) -> None:
    present = replace(make_person(1), past=None, future=None)
    assert photo_strip(GREY, [present], body).shape == (480, 320, 3)
