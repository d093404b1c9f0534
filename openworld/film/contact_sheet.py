"""A picture to look at: one row a film, frames from start to end, with the true skeletons drawn on."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from body.draw import draw_skeleton
from body.packet_times import read_packet_times
from body.pictures import Pictures
from body.raster.kernels import Bytes
from openworld.film.truth_file import read_people, truth_path
from storage.atomic import write_atomically
from storage.tables import row_views


def contact_sheet(videos: Sequence[Path], columns: int = 6, *, skeletons: bool = True) -> Bytes:
    """(rows * height, columns * width, 3) RGB; films of one size."""
    return np.concatenate([_strip(video, columns, skeletons) for video in videos])


def write_contact_sheet(videos: Sequence[Path], picture: Path, *, skeletons: bool = True) -> None:
    """The same as a PNG file."""
    sheet = contact_sheet(videos, skeletons=skeletons)
    _, encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    write_atomically(picture, encoded.tobytes())


def _strip(video: Path, columns: int, skeletons: bool) -> Bytes:
    frames = int(read_packet_times(video).shown_F.sum())
    wanted = np.linspace(0, frames - 1, columns).astype(int)
    found = {frame: picture for frame, picture in enumerate(Pictures(video)) if frame in wanted}
    pictures = [found[int(frame)].copy() for frame in wanted]
    if skeletons:
        for row in row_views(read_people(truth_path(video))):
            points = row["keypoints_2d"].reshape(-1, 25, 3)
            for place, frame in enumerate(wanted):
                pictures[place] = draw_skeleton(pictures[place], points[frame])
    return np.concatenate(pictures, 1)
