from pathlib import Path

import cv2
import decord
import numpy as np

from openworld.film.contact_sheet import contact_sheet, write_contact_sheet
from openworld.film.make import Film


def test_the_pictures_are_a_second_readers(films: dict[str, Film]) -> None:
    video = films["labelled_0000"].video
    reader = decord.VideoReader(str(video), num_threads=1)
    wanted = np.linspace(0, len(reader) - 1, 5).astype(int)
    theirs = np.concatenate([reader[int(frame)].asnumpy() for frame in wanted], axis=1)
    np.testing.assert_array_equal(contact_sheet([video], columns=5, skeletons=False), theirs)


def test_a_row_a_film_with_or_without_skeletons(films: dict[str, Film], tmp_path: Path) -> None:
    videos = [films["labelled_0000"].video, films["unlabelled_0002"].video]
    bare, drawn = (contact_sheet(videos, columns=3, skeletons=skeletons) for skeletons in (False, True))
    assert bare.shape == (240, 480, 3)
    assert (bare[:120] != drawn[:120]).any()
    assert np.array_equal(bare[120:], drawn[120:])
    write_contact_sheet(videos, tmp_path / "sheet.png")
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (240, 960, 3)
