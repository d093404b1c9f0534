"""Film frames with the 2D tracklet and the predicted body on them, for a page."""

import itertools
from collections.abc import Iterable
from pathlib import Path

from body.model import BodyModel
from dashboard.panels.strip import Picture
from harvest.video.decode import DecodeConfig, Frame, Video
from hmmr_model.predict import predict_lake
from hmmr_model.strip import png_bytes, told_three_times
from storage.lake import Lake
from storage.tables import iter_tracklets, read_labels3d

FILMS, FRAMES = 4, 3
"""How many films a page shows, and how many frames of each."""


def film_pictures(checkpoint: Path, held_out: Lake, films: Path) -> list[Picture]:
    """A PNG for each of a few test films: frame, 2D tracklet on it, predicted mesh on it; time runs down."""
    labels = read_labels3d(held_out, split="test")
    body = BodyModel.load()
    made = []
    for tracklet in itertools.islice(iter_tracklets(held_out, list(labels)), FILMS):
        film = labels[tracklet.tracklet_id].truth_id.split(":")[0]
        prediction = predict_lake(checkpoint, held_out, [tracklet.tracklet_id])[tracklet.tracklet_id]
        at = [len(tracklet.pts) * (2 * i + 1) // (2 * FRAMES) for i in range(FRAMES)]
        pixels = _frames(films / f"{film}.mp4", {int(tracklet.frame_index[i]) for i in at})
        rows = [
            told_three_times(pixels[int(tracklet.frame_index[i])].pixels_HW3, tracklet, prediction, i, body) for i in at
        ]
        made.append(Picture(png_bytes(rows), f"synthetic test film {film}: frame, 2D tracklet, predicted body"))
    return made


def _frames(film: Path, wanted: Iterable[int]) -> dict[int, Frame]:
    """Frames of a film by decode index."""
    chosen = set(wanted)
    video = Video(film, film.name, DecodeConfig(), max_pixels=1 << 24, max_seconds=3600.0)
    return {frame.index: frame for frame in video.frames() if frame.index in chosen}
