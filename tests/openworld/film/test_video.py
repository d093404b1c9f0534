from fractions import Fraction
from pathlib import Path

import decord
import numpy as np
import pytest

from body.ffmpeg import write_mp4
from openworld.film.make import Film, read_pts, time_base
from openworld.film.truth_file import read_people


@pytest.mark.parametrize("fps", [24, 25, 30])
def test_pts_are_whole_frames_in_the_files_own_unit(fps: int, tmp_path: Path) -> None:
    pictures = [np.full((48, 64, 3), level, np.uint8) for level in range(0, 240, 20)]
    write_mp4(iter(pictures), tmp_path / "a.mp4", fps)
    assert [int(pts) * time_base(fps) for pts in read_pts(tmp_path / "a.mp4", fps)] == [
        Fraction(frame, fps) for frame in range(12)
    ]


def test_the_truths_pts_are_decords(films: dict[str, Film]) -> None:
    for film in films.values():
        reader = decord.VideoReader(str(film.video))
        seconds = reader.get_frame_timestamp(list(range(len(reader))))[:, 0]
        for row in read_people(film.truth).to_pylist():
            unit = row["time_base_num"] / row["time_base_den"]
            assert np.array(row["pts"]) * unit == pytest.approx(seconds, abs=1e-6)
