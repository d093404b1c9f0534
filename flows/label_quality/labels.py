"""What the harvest makes of a video under some settings: the real labeller, with its answers kept.

Networks are asked once for all settings (the labeller's stage cache), and a video that was labelled with the same
settings is not labelled again: labels lie under their label_key, which names everything that decides them.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.label_quality.people import Labelled, Track
from harvest.backends.protocol import PoseBackend
from harvest.config import LabelConfig
from harvest.fetch.policy import Policy, licence_verdict
from harvest.label import LabelledVideo, Labeller
from harvest.recipe import recipe
from harvest.sources.expand import expand
from storage.atomic import file_sha256, write_atomically


class LabelShelf:
    """Labels of videos by one backend under any settings, kept below `folder`."""

    def __init__(self, folder: Path, backend: PoseBackend) -> None:
        self._answers, self._cache, self._backend = folder / "labels", folder / "cache", backend

    def labels(self, video: Path, config: LabelConfig) -> Labelled:
        """HarvestError for a video that cannot be labelled."""
        key = recipe(config, self._backend, ()).label_key(file_sha256(video))
        kept = self._answers / f"{key}.npz"
        if not kept.exists():
            write_atomically(kept, _packed(self._label(video, config)))
        return _unpacked(kept)

    def labels_of(self, videos: Sequence[Path], config: LabelConfig) -> list[Labelled]:
        """Of each video in turn."""
        return [self.labels(video, config) for video in videos]

    def _label(self, video: Path, config: LabelConfig) -> LabelledVideo:
        (source,) = expand([video])
        labeller = Labeller(self._backend, (), config, Policy(), cache=self._cache)
        return labeller.label(video, source, licence_verdict(source, {}, Policy()))


def _packed(video: LabelledVideo) -> bytes:
    rows: list[dict[str, Any]] = video.rows["tracklets"]
    arrays = {
        "starts": np.array([row["first_frame"] for row in video.rows["shots"]], np.int64),
        "shot": np.array([row["shot_index"] for row in rows], np.int64),
        "person": np.array([row["person_index"] for row in rows], np.int64),
        "length": np.array([row["n_frames"] for row in rows], np.int64),
        "frames": np.concatenate([np.zeros(0, np.int64), *[row["frame_index"] for row in rows]]),
        "joints": np.concatenate([np.zeros((0, 75), np.float32), *[row["keypoints"] for row in rows]]),
        "observed": np.concatenate([np.zeros(0, bool), *[row["observed"] for row in rows]]),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _unpacked(path: Path) -> Labelled:
    with np.load(path, allow_pickle=False) as kept:
        edges = np.cumsum(kept["length"])[:-1]
        pieces = zip(
            kept["shot"].tolist(), kept["person"].tolist(), np.split(kept["frames"], edges),
            np.split(kept["joints"].reshape(-1, 25, 3), edges), np.split(kept["observed"], edges), strict=False,
        )  # fmt: skip
        return Labelled([Track(*piece) for piece in pieces], kept["starts"].tolist())
