"""Labels one video file: decodes it once, in bounded memory, and returns rows for the lake.

The rows are a pure function of the file and the settings.
"""

import json
import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from harvest.backends.protocol import PoseBackend, ReadsFile
from harvest.config import LabelConfig
from harvest.duplicates import MAX_SAMPLES, SAMPLE_SECONDS, fingerprint
from harvest.errors import HarvestError, NoPerson, NothingUsable, Unreadable
from harvest.fetch.policy import Policy, Verdict, seconds_limit
from harvest.network_cache import CachedNetworks, StageFiles
from harvest.phi.protocol import Phi
from harvest.recipe import Finishing, recipe
from harvest.shot_labels import (
    ShotFacts,
    ShotLabeller,
    VideoFacts,
    feature_rows,
    missing_rows,
    nobody_row,
    read_features,
    reject_row,
    shot_row,
    tracklet_row,
    video_reject_row,
)
from harvest.sources.expand import Source
from harvest.video.decode import Video
from harvest.video.overlap import Overlap, Stopwatch
from harvest.video.shots import split_shots
from storage.atomic import file_sha256
from storage.layout import STAGES

_log = logging.getLogger(__name__)

OnFrame = Callable[[int, int], None]
"""Called after each frame with (working frames done, working frames in all)."""

LONGEST_STEP_S = Fraction(1, 2)
"""A longer time from one frame to the next ends a shot, since it hides motion (a held picture, a section left out).
Video of less than 8 frames/s may step by up to 4 frames."""
TABLES_OF_A_VIDEO = ("tracklets", "features", "rejects", "shots", "videos")


@dataclass
class LabelledVideo:
    """All rows of one video, by table. They lack committed_at, which the commit sets."""

    label_key: str
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in TABLES_OF_A_VIDEO})
    rejection: HarvestError | None = None
    """Why the video has no tracklet; None if it has one."""

    def reject_all(self, why: HarvestError) -> None:
        """Drop the labels and keep the row of `videos`; one reject row gives the reason."""
        (video,) = self.rows["videos"]
        tracklets, self.rows["tracklets"], self.rows["features"] = self.rows["tracklets"], [], []
        preset = tracklets[0]["preset"] if tracklets else ""
        self.rows["rejects"].append(video_reject_row(video, preset, why.reason))
        self.rejection = why

    @property
    def n_tracklets(self) -> int:
        """Kept tracklets."""
        return len(self.rows["tracklets"])


class Labeller:
    """A backend and its φs, loaded once, for many videos."""

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
        """`cache` is a folder with one folder a source. The networks' answers stay there for the next labelling; then
        features are returned as references to these files (rows.py `read_features`), so that memory stays flat. With
        `threads` above 1, frames are decoded ahead and φ is computed on another thread; the labels are the same.
        NoCalibrationError if the config asks for calibrated scores and the backend has no calibration."""
        self._backend, self._phis, self._watch = backend, phis, Stopwatch()
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
        admit: Callable[[str], None] | None = None,
    ) -> LabelledVideo:
        """Labels of one file. `origin` holds what the site said: uploader, title, provenance. `admit` is called with
        the file's SHA-256 before it is decoded, and refuses by a HarvestError. A file without a usable person still
        gives rows, and a `rejection`. HarvestError for a file that cannot be labelled."""
        self._watch.seconds.clear()
        content = file_sha256(path)
        if admit is not None:
            admit(content)
        labelled = LabelledVideo(self.recipe.label_key(content))
        with self._watch.stage("open", children=True):
            video = Video(
                path, source.name, self._config.decode, max_pixels=self._policy.max_pixels,
                max_seconds=seconds_limit(source, self._policy), sections_s=source.sections_s,
            )  # fmt: skip
            self._open_backend(path, source)
        facts = VideoFacts(
            source=source, width=video.width, height=video.height, rate=video.working_rate,
            time_base=video.timing.time_base, licence=verdict.licence, label_key=labelled.label_key,
            backend=self._backend.name, joints=self._backend.joints, preset=self._config.preset,
        )  # fmt: skip
        prints = self._label_with_cache(video, facts, content, labelled, progress)
        labelled.rejection = _rejection(source, labelled)
        self._note_missing(video, facts, labelled)
        row = _video_row(path, content, video, facts, verdict, prints, origin or {})
        row["recipe"] = self.recipe.to_json()
        row["stage_seconds"] = json.dumps(self._watch.rounded(), sort_keys=True)
        labelled.rows["videos"].append(row)
        return labelled

    def _open_backend(self, path: Path, source: Source) -> None:
        """Give the file to a backend that reads it (`truth`)."""
        if isinstance(self._backend, ReadsFile):
            try:
                self._backend.open_video(path)
            except ValueError as error:
                raise Unreadable(source.name, str(error)) from error

    def _label_with_cache(
        self, video: Video, facts: VideoFacts, content: str, labelled: LabelledVideo, progress: OnFrame | None
    ) -> list[int]:
        """`_label_shots`, with the networks' answers in the cache, or in a temporary folder."""
        own = None if self._cache is None else self._cache / facts.source.item_id / STAGES
        # A temporary folder is made where it is needed only: a worker that is killed would leave it.
        with tempfile.TemporaryDirectory(prefix="hmmr-label-") if own is None else nullcontext(own) as scratch:
            folder = Path(scratch)
            files = StageFiles(folder, content, self.recipe)
            with (
                CachedNetworks(files, self._backend, self._phis, self._watch) as networks,
                Overlap(self._threads) as overlap,
            ):
                prints = self._label_shots(video, facts, networks, overlap, labelled, progress)
            if self._cache is None:
                labelled.rows["features"] = [read_features(row) for row in labelled.rows["features"]]
        return prints

    def _note_missing(self, video: Video, facts: VideoFacts, labelled: LabelledVideo) -> None:
        """Every picture of the file that is in no shot has a row with its reason."""
        rejects = labelled.rows["rejects"]
        rejects += missing_rows(facts, video.lost_F, "not_decoded")
        rejects += missing_rows(facts, video.timing.shown_F & ~video.inside_F, "outside_sections")
        if video.lost_F.any():
            lost, wanted = int(video.lost_F.sum()), int(video.inside_F.sum())
            _log.warning("%s: %d of %d pictures could not be decoded", facts.source.name, lost, wanted)

    def _label_shots(
        self,
        video: Video,
        facts: VideoFacts,
        networks: CachedNetworks,
        overlap: Overlap,
        labelled: LabelledVideo,
        progress: OnFrame | None,
    ) -> list[int]:
        """Fill the rows shot by shot. Returns the fingerprints of sampled frames."""
        prints: list[int] = []
        total = int(video.keep_F.sum())
        shot: ShotLabeller | None = None
        shot_index, last_pts = -1, 0
        decoded = self._watch.iterate("decode", video.frames(), children=True)
        for count, shot_frame in enumerate(overlap.ahead(split_shots(decoded, self._config.shots))):
            frame = shot_frame.frame
            jumped = (frame.pts - last_pts) * video.timing.time_base > _longest_step(video)
            last_pts = frame.pts
            if shot is not None and (shot_frame.starts or jumped):
                self._close(shot, shot_index, facts, networks, labelled)
                shot = None
            if shot is None:
                shot = ShotLabeller(networks, self._config, float(video.working_rate), overlap)
                shot_index += 1
            shot.push(frame, shot_frame.change)
            if count % max(1, round(SAMPLE_SECONDS * video.working_rate)) == 0 and len(prints) < MAX_SAMPLES:
                prints.append(fingerprint(frame.pixels_HW3))
            if progress:
                progress(count + 1, total)
        if shot is not None:
            self._close(shot, shot_index, facts, networks, labelled)
        return prints

    def _close(
        self,
        shot: ShotLabeller,
        shot_index: int,
        video: VideoFacts,
        networks: CachedNetworks,
        labelled: LabelledVideo,
    ) -> None:
        """Finish a shot and append its rows."""
        people = shot.finish(self._finishing)
        facts = ShotFacts(shot_index, shot.frame_index, shot.pts)
        rows = labelled.rows
        rows["shots"].append(shot_row(video, facts, len(people)))
        if not people:
            rows["rejects"].append(nobody_row(video, facts))
        for i, person in enumerate(people):
            for run in person.runs:
                rows["tracklets"].append(tracklet_row(video, facts, i, person, run))
                rows["features"] += feature_rows(video, facts, i, person, run, networks.phis)
            rows["rejects"] += [reject_row(video, facts, i, person, why) for why in person.rejected]


def _longest_step(video: Video) -> Fraction:
    return max(LONGEST_STEP_S, 4 / video.working_rate)


def _rejection(source: Source, labelled: LabelledVideo) -> HarvestError | None:
    if labelled.rows["tracklets"]:
        return None
    reasons = sorted({row["reason"] for row in labelled.rows["rejects"]})  # before rows of missing pictures join them
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
