"""Makes one film: draws its shots, encodes them, writes the truth beside the video. F frames of the film."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from body.ffmpeg import write_mp4
from body.pictures import read_packet_times
from body.raster.kernels import Bytes
from openworld.film.truth_arrays import PersonTruth, depth_inside, truth_of, visible
from openworld.film.truth_file import FilmFacts, Timeline, TruthFileError, read_facts, truth_path, write_truth
from openworld.plan import FilmPlan
from openworld.scene.figure import Figure, open_figure
from openworld.scene.shot import Shot, frames, stage
from storage.atomic import file_sha256

LEAST_TIMESCALE = 10_000
"""ffmpeg's MP4 writer doubles the frame rate until it has at least so many units a second (libavformat/movenc.c)."""


@dataclass(frozen=True)
class Film:
    """A film on disk."""

    film_id: str
    split: str
    video: Path
    truth: Path
    facts: FilmFacts
    seconds: float


def make_film(plan: FilmPlan, out: Path) -> Film:
    """Write OUT/SPLIT/FILM.mp4 and FILM.truth.parquet, unless the same film is there already.

    The truth is written last: a video without it is an unfinished film and is made again. VideoWriteError if ffmpeg
    fails.
    """
    video = out / plan.split / f"{plan.film_id}.mp4"
    facts = _facts_on_disk(plan, video)
    if facts is None:
        truth_path(video).unlink(missing_ok=True)
        facts = _make(plan, video)
    return Film(
        film_id=plan.film_id, split=plan.split, video=video, truth=truth_path(video), facts=facts,
        seconds=facts.n_frames / plan.fps,
    )  # fmt: skip


def stage_film(plan: FilmPlan, figure: Figure) -> list[Shot]:
    """Draw the people, camera and scene of each shot at random. No pixel is rendered yet."""
    return [stage(plan, number, figure) for number in range(len(plan.frames))]


def _facts_on_disk(plan: FilmPlan, video: Path) -> FilmFacts | None:
    """The facts of the film if video and truth are those of the plan."""
    if not video.is_file() or not truth_path(video).is_file():
        return None
    try:
        facts = read_facts(truth_path(video))
    except TruthFileError:
        return None
    same = facts.plan_digest == plan.digest and facts.video_sha256 == file_sha256(video)
    return facts if same else None


def _make(plan: FilmPlan, video: Path) -> FilmFacts:
    figure = open_figure()
    shots = stage_film(plan, figure)
    people = [
        (number, truth_of(shot, actor, figure), np.zeros((plan.frames[number], 25), bool))
        for number, shot in enumerate(shots)
        for actor in shot.actors
    ]
    write_mp4(_pictures(plan, shots, figure, people), video, plan.fps, plan.crf)
    pts = read_pts(video, plan.fps)
    lengths = plan.frames
    if len(pts) != sum(lengths):
        raise RuntimeError(f"{video}: {sum(lengths)} frames were drawn and the file has {len(pts)}")
    shot_index = np.repeat(np.arange(len(shots), dtype=np.int32), lengths)
    cuts = tuple(int(frame) for frame in np.cumsum(lengths)[:-1])
    facts = FilmFacts(
        film_id=plan.film_id, split=plan.split, kind=plan.kind, seed=plan.seed, cuts=cuts, n_people=len(people),
        n_frames=len(pts), plan_digest=plan.digest, video_sha256=file_sha256(video),
    )  # fmt: skip
    size = (plan.width, plan.height)
    timeline = Timeline(pts=pts, time_base=time_base(plan.fps), fps=plan.fps, size=size, shot_index=shot_index)
    write_truth(truth_path(video), facts, timeline, people)
    return facts


def _pictures(
    plan: FilmPlan, shots: list[Shot], figure: Figure, people: list[tuple[int, PersonTruth, npt.NDArray[np.bool_]]]
) -> Iterator[Bytes]:
    """Every frame of the film. Writes each person's visibility (T, 25) in place, from the depth of the frame."""
    slack = depth_inside(figure)
    for number, shot in enumerate(shots):
        in_shot = [(truth, visible_T25) for shot_number, truth, visible_T25 in people if shot_number == number]
        for frame, (picture, depth) in enumerate(frames(shot, figure, plan.samples)):
            for truth, visible_T25 in in_shot:
                visible_T25[frame] = visible(truth, frame, depth, slack, plan.samples)
            yield picture


def time_base(fps: int) -> Fraction:
    """Seconds of one unit of pts in an MP4 that ffmpeg wrote at a whole number of frames a second."""
    units = fps
    while units < LEAST_TIMESCALE:
        units *= 2
    return Fraction(1, units)


def read_pts(path: Path, fps: int) -> npt.NDArray[np.int64]:
    """The time stamps (F) of a film of ours, in units of `time_base(fps)`."""
    times = read_packet_times(path)
    scale = times.time_base / time_base(fps)
    return np.array([round(int(pts) * scale) for pts in times.pts_F[times.shown_F]], np.int64)
