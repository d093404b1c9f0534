"""Contact sheets: one row a film, frames from its start to its end, with the true skeletons drawn on."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from body.draw import draw_skeleton
from body.pictures import Pictures, read_packet_times
from body.raster.kernels import Bytes
from openworld.film.truth_file import read_people, truth_path
from storage.atomic import write_atomically
from storage.tables import row_views


def contact_sheet(videos: Sequence[Path], columns: int = 6, *, skeletons: bool = True) -> Bytes:
    """Picture (rows * height, columns * width, 3) RGB of films that have one size."""
    return np.concatenate([_strip(video, columns, skeletons) for video in videos])


def write_contact_sheet(videos: Sequence[Path], picture: Path, *, skeletons: bool = True) -> None:
    """Write the contact sheet as a PNG file."""
    sheet = contact_sheet(videos, skeletons=skeletons)
    _, encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    write_atomically(picture, encoded.tobytes())


def _strip(video: Path, columns: int, skeletons: bool) -> Bytes:
    frames = int(read_packet_times(video).shown_F.sum())
    shown = np.linspace(0, frames - 1, columns).astype(int)
    by_frame = {frame: picture for frame, picture in enumerate(Pictures(video)) if frame in shown}
    pictures = [by_frame[int(frame)].copy() for frame in shown]
    if skeletons:
        for row in row_views(read_people(truth_path(video))):
            points = row["keypoints_2d"].reshape(-1, 25, 3)
            for column, frame in enumerate(shown):
                pictures[column] = draw_skeleton(pictures[column], points[frame])
    return np.concatenate(pictures, 1)
