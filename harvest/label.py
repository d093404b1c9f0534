"""A video file becomes rows for the lake: one pass, bounded memory, a pure function of the file and the settings."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from harvest.backends.protocol import PoseBackend, ReadsFile
from harvest.config import LabelConfig
from harvest.errors import HarvestError, NoPerson, NothingUsable, Unreadable
from harvest.fetch.policy import Policy, Verdict, seconds_limit
from harvest.network_cache import StageFiles, VideoMemory
from harvest.phi.protocol import Phi
from harvest.recipe import recipe
from harvest.rows import (
    ShotFacts,
    VideoFacts,
    feature_rows,
    nobody_row,
    read_features,
    reject_row,
    shot_row,
    tracklet_row,
    video_reject_row,
)
from harvest.shot_labels import ShotLabeller
from harvest.sources.expand import Source
from harvest.stopwatch import Stopwatch, TimedBackend, TimedPhi
from harvest.stored import Finishing
from harvest.video.decode import Frame, Video
from harvest.video.fingerprint import MAX_SAMPLES, SAMPLE_SECONDS, fingerprint
from harvest.video.overlap import Overlap
from harvest.video.shots import split_shots
from storage.atomic import file_sha256
from storage.layout import STAGES

OnFrame = Callable[[int, int], None]
"""Told (working frames done, in all)."""

LONGEST_STEP_S = Fraction(1, 2)
TABLES_OF_A_VIDEO = ("tracklets", "features", "rejects", "shots", "videos")


@dataclass
class LabelledVideo:
    """All rows of one video, by table; without committed_at, which the commit knows."""

    label_key: str
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in TABLES_OF_A_VIDEO})
    rejection: HarvestError | None = None
    """Why there is no tracklet, if there is none."""

    def reject_all(self, why: HarvestError) -> None:
        """Keep what is known of the video, and none of its labels."""
        (video,) = self.rows["videos"]
        tracklets, self.rows["tracklets"], self.rows["features"] = self.rows["tracklets"], [], []
        preset = tracklets[0]["preset"] if tracklets else ""
        self.rows["rejects"].append(video_reject_row(video, preset, why.reason))
        self.rejection = why

    @property
    def n_tracklets(self) -> int:
        """How many were kept."""
        return len(self.rows["tracklets"])


class Labeller:
    """A backend and its φ, loaded once, for many videos."""

    def __init__(
        self,
        backend: PoseBackend,
        phis: Sequence[Phi],
        config: LabelConfig,
        policy: Policy,
        *,
        cache: Path | None = None,
        threads: int = 1,
    ) -> None:
        """`cache` is a folder with a folder a source, where the networks' answers stay for the next labelling. With it,
        features come as references to files there (rows.py's `read_features`), so that memory stays flat. With more
        than one of `threads` pictures are read ahead and φ is computed behind; the labels are the same."""
        self._watch = Stopwatch()
        self._backend = TimedBackend(backend, self._watch)
        self._file_reader = backend
        self._phis = [TimedPhi(phi, self._watch) for phi in phis]
        self._config, self._policy, self._cache, self._threads = config, policy, cache, threads
        self.recipe = recipe(config, backend, phis)
        self._finishing = Finishing.of(config, backend)

    def label(
        self,
        path: Path,
        source: Source,
        verdict: Verdict,
        *,
        origin: Mapping[str, Any] | None = None,
        progress: OnFrame | None = None,
    ) -> LabelledVideo:
        """Labels of one file. Raises HarvestError for a file that cannot be labelled; a file in which nobody can be
        used has a `rejection` and its rows. `progress` gets (working frames done, in all)."""
        self._watch.seconds.clear()
        content = file_sha256(path)
        labelled = LabelledVideo(self.recipe.label_key(content))
        with self._watch.stage("open", children=True):
            video = Video(
                path, source.name, self._config.decode, max_pixels=self._policy.max_pixels,
                max_seconds=seconds_limit(source, self._policy), sections_s=source.sections_s,
            )  # fmt: skip
            self._open_backend(path, source)
        facts = VideoFacts(
            source, video.width, video.height, video.working_rate, video.timing.time_base, verdict.licence,
            labelled.label_key, self._backend.name, self._backend.joints, self._config.preset,
        )  # fmt: skip
        prints = self._remembering(video, facts, content, labelled, progress)
        labelled.rejection = _rejection(source, labelled)
        row = _video_row(path, content, video, facts, verdict, prints, origin or {})
        row["recipe"] = self.recipe.to_json()
        row["stage_seconds"] = json.dumps(self._watch.rounded(), sort_keys=True)
        labelled.rows["videos"].append(row)
        return labelled

    def _remembering(
        self, video: Video, facts: VideoFacts, content: str, labelled: LabelledVideo, progress: OnFrame | None
    ) -> list[int]:
        """`_shots`, with the networks' answers kept in the cache, or in a folder that is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="hmmr-label-") as scratch:
            folder = self._cache / facts.source.item_id / STAGES if self._cache else Path(scratch)
            files = StageFiles(folder, content, self.recipe)
            with (
                VideoMemory(files, self._backend, self._phis, original=self._file_reader) as memory,
                Overlap(self._threads) as overlap,
            ):
                prints = self._shots(video, facts, memory, overlap, labelled, progress)
            if self._cache is None:
                labelled.rows["features"] = [read_features(row) for row in labelled.rows["features"]]
        return prints

    def _open_backend(self, path: Path, source: Source) -> None:
        """A backend that reads the file itself (truth) is told which one comes."""
        if isinstance(self._file_reader, ReadsFile):
            try:
                self._file_reader.open_video(path)
            except ValueError as error:
                raise Unreadable(source.name, str(error)) from error

    def _shots(
        self,
        video: Video,
        facts: VideoFacts,
        memory: VideoMemory,
        overlap: Overlap,
        labelled: LabelledVideo,
        progress: OnFrame | None,
    ) -> list[int]:
        """Fill the rows shot by shot; returns the fingerprints of sampled frames."""
        prints: list[int] = []
        total = int(video.keep_F.sum())
        shot: ShotLabeller | None = None
        shot_index, last_pts = -1, 0
        frames = overlap.ahead(split_shots(self._decoded(video), self._config.shots))
        for count, each in enumerate(frames):
            memory.numbers.note(each.frame.pixels_HW3, each.frame.index)
            jumped = (each.frame.pts - last_pts) * video.timing.time_base > _longest_step(video)
            last_pts = each.frame.pts
            if shot is not None and (each.starts or jumped):
                self._close(shot, shot_index, facts, memory, labelled)
                shot = None
            if shot is None:
                shot = ShotLabeller(memory.backend, memory.phis, self._config, float(video.working_rate), overlap)
                shot_index += 1
            shot.push(each.frame, each.change)
            if count % max(1, round(SAMPLE_SECONDS * video.working_rate)) == 0 and len(prints) < MAX_SAMPLES:
                prints.append(fingerprint(each.frame.pixels_HW3))
            if progress:
                progress(count + 1, total)
        if shot is not None:
            self._close(shot, shot_index, facts, memory, labelled)
        return prints

    def _decoded(self, video: Video) -> "_TimedFrames":
        return _TimedFrames(video.frames(), self._watch)

    def _close(
        self, shot: ShotLabeller, shot_index: int, video: VideoFacts, memory: VideoMemory, labelled: LabelledVideo
    ) -> None:
        people = shot.finish(self._finishing)
        facts = ShotFacts(shot_index, shot.frame_index, shot.pts)
        rows = labelled.rows
        rows["shots"].append(shot_row(video, facts, len(people)))
        if not people:
            rows["rejects"].append(nobody_row(video, facts))
        for i, person in enumerate(people):
            for run in person.runs:
                rows["tracklets"].append(tracklet_row(video, facts, i, person, run))
                rows["features"] += feature_rows(video, facts, i, person, run, memory.phis)
            rows["rejects"] += [reject_row(video, facts, i, person, why) for why in person.rejected]


def _longest_step(video: Video) -> Fraction:
    """A longer time from one frame to the next, s, ends a shot: a held picture or a left-out stretch hides motion."""
    return max(LONGEST_STEP_S, 4 / video.working_rate)


class _TimedFrames:
    """Frames of a decoder, with the time that each took."""

    def __init__(self, frames: Any, watch: Stopwatch) -> None:
        self._frames, self._watch = frames, watch

    def __iter__(self) -> "_TimedFrames":
        return self

    def __next__(self) -> Frame:
        with self._watch.stage("decode", children=True):
            frame: Frame = next(self._frames)
        return frame


def _rejection(source: Source, labelled: LabelledVideo) -> HarvestError | None:
    if labelled.rows["tracklets"]:
        return None
    reasons = sorted({row["reason"] for row in labelled.rows["rejects"]})
    if reasons == ["no_person"]:
        return NoPerson(source.name, "nobody was seen in it")
    if not reasons:
        return NothingUsable(source.name, "no picture of it lies in the sections that its source names")
    return NothingUsable(source.name, f"people were seen, no track could be kept ({', '.join(reasons)})")


def _video_row(
    path: Path, content: str, video: Video, facts: VideoFacts, verdict: Verdict, prints: Sequence[int],
    origin: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    return {
        "source_id": facts.source.item_id,
        "url": facts.source.name,
        "host": facts.source.host,
        "uploader": origin.get("uploader"),
        "title": origin.get("title"),
        "content_sha256": content,
        "fingerprints": list(prints),
        "width": video.width,
        "height": video.height,
        "n_frames": video.n_frames,
        "duration_s": video.timing.duration_s,
        "bytes": path.stat().st_size,
        "licence": verdict.licence,
        "evidence": json.dumps(dict(verdict.evidence), sort_keys=True, default=str),
        "tags": list(facts.source.tags),
        "provenance": json.dumps(dict(origin.get("provenance") or {}), sort_keys=True, default=str),
        "label_key": facts.label_key,
    }
