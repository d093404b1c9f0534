"""One video's rows of another φ, from its tracklets in the lake and the pictures of its file.

Crops are cut as the harvest cuts them: the tracklet's own boxes, and for turned crops the turn that follows from its
joints. So φ equals the harvest's own where both compute the same one. Whatever may have changed since refuses the
video: the file's bytes, the times and the size of its pictures, joints that were smoothed or scores that were
calibrated after φ had read them. Letters: N crops, D feature dimension, T frames of a tracklet.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from harvest.config import HarvestConfig
from harvest.errors import Erased, NotAsLabelled, Unreadable
from harvest.features.plan import changed, tracklets_without
from harvest.fetch.pace import Pace
from harvest.fetch.policy import AGENT, Robots, check_before_contact, check_limits, seconds_limit
from harvest.phi.protocol import Phi, TurnedPhi
from harvest.registry import make_phis
from harvest.sources.expand import Source
from harvest.video.decode import DecodeConfig, Frame
from harvest.video.random_access import RandomAccess
from harvest.workers import Report
from storage.atomic import file_sha256
from storage.labels.key import Recipe, Stage
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.tables import TrackletArrays, row_views, tracklet_arrays

Row = dict[str, Any]

_READ_JOINTS = ("keypoints",)
"""φ that are computed from the joints themselves; turned crops follow from them too."""
_DEINTERLACES_FROM = 2
"""Version of the stage `decode` since which interlaced pictures are made whole."""


@dataclass
class _Track:
    """A tracklet and its features, filled frame by frame. `place` is the next frame's, in 0 to T."""

    tracklet: TrackletArrays
    label_key: str
    size: tuple[int, int]
    features: list[NDArray[np.float16]] = field(default_factory=list)
    own_3d: list[NDArray[np.float32]] = field(default_factory=list)


class FeatureWorker:
    """Loads φ once, then computes it for video after video. `do` is called by `harvest.workers`."""

    def __init__(self, lake_root: str, config: HarvestConfig, downloads: Path, ledger_url: str) -> None:
        self._config, self._downloads, self._lake = config, downloads, Lake(lake_root)
        ledger = Ledger(ledger_url)
        self._pace, self._robots = Pace(ledger, config.pace), Robots(AGENT)
        self._graves = ledger.tombstones
        (self._phi,) = make_phis(config.phis, config.device)

    def do(self, source: Source, report: Report) -> list[Row]:
        """The rows of `features` for a video's tracklets that lack this φ. Raises HarvestError. A partial download
        stays for the next try; a whole file is deleted."""
        if not source.is_url:
            check_before_contact(source, self._config.policy)
            return self._rows(Path(source.address), source, report)
        # yt-dlp takes half a second to import, which a file on the disk need not wait for
        from harvest.fetch.download import discard, download
        from harvest.fetch.s3 import fetch_object

        fetch = fetch_object if source.is_s3 else partial(download, pace=self._pace, robots=self._robots)
        folder = self._downloads / source.item_id
        fetched = fetch(
            source, folder, self._config.policy, self._config.download,
            progress=lambda done, total: report("download", done, total),
        )  # fmt: skip
        try:
            if fetched.uploader and self._graves.has("uploader", fetched.uploader):
                raise Erased(source.name, "all of its uploader was erased from this lake")
            return self._rows(fetched.path, source, report)
        finally:
            discard(source, folder)

    def _rows(self, path: Path, source: Source, report: Report) -> list[Row]:
        video, tracks = self._tracks(source)
        if not tracks:
            return []
        try:
            check_limits(source, self._config.policy, seconds=None, size=path.stat().st_size)
            content = file_sha256(path)
        except OSError as error:
            raise Unreadable(source.name, error.strerror or str(error)) from error
        if self._graves.has("content", content):
            raise Erased(source.name, "was erased from this lake, under this address or another")
        if content != video["content_sha256"]:
            raise changed(str(path) if not source.is_url else source.name, content, video["content_sha256"])
        stages = _stages(source, video["recipe"])
        self._check_joints(source, stages)
        compute(self._phi, tracks, _opened(path, source, stages, self._config), source, report)
        return [_row(self._phi, source.item_id, track) for track in tracks]

    def _tracks(self, source: Source) -> tuple[Mapping[str, Any], list[_Track]]:
        """The row of `videos` of the newest labels, and the tracklets that lack the φ."""
        mine = pc.field("source_id") == source.item_id
        columns = ["fps_num", "fps_den", "frame_index", "pts", "boxes", "keypoints", "observed", "width", "height"]
        table = tracklets_without(self._lake, self._phi.name, columns, mine)
        rows = list(row_views(table.sort_by("tracklet_id")))
        keys = {row["label_key"] for row in rows}
        videos = [
            row
            for row in self._lake.read("videos", ["label_key", "content_sha256", "recipe"], mine).to_pylist()
            if row["label_key"] in keys
        ]
        tracks = [_Track(tracklet_arrays(row), row["label_key"], (row["width"], row["height"])) for row in rows]
        return (videos[0], tracks) if videos else ({}, [])

    def _check_joints(self, source: Source, stages: Mapping[str, Stage]) -> None:
        late = {"smooth": "smoothed", "scores": "given calibrated scores"}.keys() & stages.keys()
        if late and (isinstance(self._phi, TurnedPhi) or self._phi.name in _READ_JOINTS):
            raise NotAsLabelled(
                source.name, f"its joints were changed ({', '.join(sorted(late))}) after {self._phi.name} would have "
                f"read them; `hmmr harvest run --phi {self._phi.name}` labels it again"
            )  # fmt: skip


def _stages(source: Source, recipe: str | None) -> dict[str, Stage]:
    """By name; none for labels without a recipe. NotAsLabelled for one that cannot be read."""
    try:
        return {} if recipe is None else {stage.name: stage for stage in Recipe.from_json(recipe).stages}
    except ValueError as error:
        raise NotAsLabelled(source.name, f"its recipe cannot be read ({error})") from error


def _opened(path: Path, source: Source, stages: Mapping[str, Stage], config: HarvestConfig) -> RandomAccess:
    """The file, decoded as its recipe says."""
    decode = stages.get("decode", Stage("decode", "1"))
    try:
        max_side, version = int(decode.config.get("max_side", DecodeConfig().max_side)), int(decode.version)
    except (TypeError, ValueError) as error:
        raise NotAsLabelled(source.name, f"its recipe cannot be read ({json.dumps(dict(decode.config))})") from error
    access = RandomAccess(
        path, source.name, DecodeConfig(max_fps=Fraction(1000), max_side=max_side),
        max_pixels=config.policy.max_pixels,
        max_seconds=None if source.sections_s else seconds_limit(source, config.policy),
    )  # fmt: skip
    if access.packets.interlaced and version < _DEINTERLACES_FROM:
        raise NotAsLabelled(source.name, "its interlaced pictures were decoded as they are; `hmmr harvest run` labels "
                            "it again")  # fmt: skip
    return access


def compute(phi: Phi, tracks: list[_Track], access: RandomAccess, source: Source, report: Report) -> None:
    """φ of every frame of the tracks, in batches of frames, as the harvest computes it."""
    pts_F = access.timing.pts_F
    for track in tracks:
        at_T = track.tracklet.frame_index
        if at_T.min() < 0 or at_T.max() >= len(pts_F) or (pts_F[at_T] != track.tracklet.pts).any():
            raise NotAsLabelled(source.name, "its pictures have other times than when it was labelled")
    wanted = np.unique(np.concatenate([track.tracklet.frame_index for track in tracks]))
    done = 0
    for batch in _batches(access.frames(wanted)):
        for track in tracks:
            _extend(phi, track, batch, source)
        done += len(batch)
        report("label", done, len(wanted))


_BATCH = 16
"""Frames in memory at a time, as many as the harvest's `phi_every`."""


def _batches(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _extend(phi: Phi, track: _Track, batch: list[Frame], source: Source) -> None:
    """Append φ of the track's frames in this batch."""
    height, width = batch[0].pixels_HW3.shape[:2]
    if (width, height) != track.size:
        was = f"{track.size[0]} x {track.size[1]}"
        raise NotAsLabelled(source.name, f"its pictures are {width} x {height}, and were {was} when it was labelled")
    low, high = np.searchsorted(track.tracklet.frame_index, [batch[0].index, batch[-1].index + 1])
    if low == high:
        return
    by_index = {frame.index: frame.pixels_HW3 for frame in batch}
    frames = [by_index[int(index)] for index in track.tracklet.frame_index[low:high]]
    boxes_N4, keypoints_N25x3 = track.tracklet.boxes[low:high], track.tracklet.keypoints[low:high]
    features_ND, own_N25x3 = phi.features(frames, boxes_N4, keypoints_N25x3)
    track.features.append(features_ND.astype(np.float16))
    if own_N25x3 is not None:
        track.own_3d.append(own_N25x3.astype(np.float32).reshape(-1, 75))


def _row(phi: Phi, source_id: str, track: _Track) -> Row:
    keypoints = track.tracklet.keypoints
    return {
        "tracklet_id": track.tracklet.tracklet_id,
        "source_id": source_id,
        "phi_name": phi.name,
        "phi_dim": phi.dim,
        "phi": np.concatenate(track.features).astype("<f2").tobytes(),
        "zero_shot_3d": np.concatenate(track.own_3d) if track.own_3d else None,
        "turn": phi.turns(keypoints) if isinstance(phi, TurnedPhi) else None,
        "label_key": track.label_key,
    }
