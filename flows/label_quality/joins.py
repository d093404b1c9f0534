"""Measures cut detection on films with known cuts, and on many clips that ffmpeg joins by known transitions."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg

from body.ffmpeg import VideoWriteError, ffmpeg_program
from evaluation.label_quality.shots import Cuts, shots_table
from evaluation.label_quality.table import Table
from flows.label_quality.bench import Bench
from harvest.video.decode import DecodeConfig, Video
from harvest.video.shots import ShotConfig, split_shots
from storage.atomic import file_sha256
from storage.labels.key import digest

CLIP = 36
"""Frames of each clip at 25 fps."""
FADE = 8
"""Frames in which a clip fades out, and the next one in."""
DISSOLVE = 12
FPS = 25


@dataclass(frozen=True)
class Joined:
    """A video of clips, and the first and last frame of each transition (evaluation/label_quality/shots.py)."""

    path: Path
    transitions: tuple[tuple[int, int], ...]


def make_joined(clips: Sequence[Path], out: Path) -> dict[str, Joined]:
    """The clips one after the other, each cut to CLIP frames, once for each kind of transition; what is there of the
    same clips is kept.

    VideoWriteError if ffmpeg fails.
    """
    hard = tuple((i * CLIP, i * CLIP) for i in range(1, len(clips)))
    faded = tuple((i * CLIP - FADE, i * CLIP + FADE) for i in range(1, len(clips)))
    step = CLIP - DISSOLVE
    dissolved = tuple((i * step, i * step + DISSOLVE) for i in range(1, len(clips)))
    kinds: dict[str, tuple[Callable[[Sequence[Any]], Any], tuple[tuple[int, int], ...]]] = {
        "hard cuts": (_hard, hard),
        "dissolves of 12 frames": (_dissolved, dissolved),
        "fades through black": (lambda each: _faded(each, "black"), faded),
        "fades through white": (lambda each: _faded(each, "white"), faded),
        "hard cuts, a flash of 2 frames in each shot": (lambda each: _flashing(each, 2), hard),
        "hard cuts, a flash of 3 frames in each shot": (lambda each: _flashing(each, 3), hard),
    }
    mark = digest([file_sha256(clip) for clip in clips])[:8]
    return {
        kind: Joined(_written(graph, clips, out / f"{kind.replace(',', '').replace(' ', '_')}_{mark}.mp4"), transitions)
        for kind, (graph, transitions) in kinds.items()
    }


def cuts_of(path: Path, transitions: Sequence[tuple[int, int]], config: ShotConfig) -> Cuts:
    """What the harvest's shot detector says of a video."""
    video = Video(path, path.name, DecodeConfig(), max_pixels=1 << 24, max_seconds=3600)
    starts, n = [], 0
    for each in split_shots(video.frames(), config):
        n += 1
        if each.starts:
            starts.append(each.frame.index)
    return Cuts(transitions, starts[1:], n)


CLIPS = 41
"""Forty joins of each kind."""


def shot_tables(bench: Bench) -> list[Table]:
    """One table: the world's own cuts, films of one shot, and each kind of join."""
    config = bench.config.label.shots
    cut = [film for film in bench.films if film.cuts]
    whole = [film for film in bench.films if not film.cuts]
    kinds: dict[str, list[Cuts]] = {
        "the world's own cuts": [cuts_of(film.path, [(at, at) for at in film.cuts], config) for film in cut],
        "films of one shot": [cuts_of(film.path, [], config) for film in whole],
    }
    peopled = [film.path for film in whole if len(film.truth.joints_PFJ3)]
    joined = make_joined(peopled[:CLIPS], bench.out / "joined")
    for n, (kind, video) in enumerate(joined.items(), start=1):
        kinds[kind] = [cuts_of(video.path, video.transitions, config)]
        bench.told("joined clips", n, len(joined))
    note = (
        f"{min(CLIPS, len(peopled))} clips of synthetic film joined by ffmpeg (flows/label_quality/joins.py), and the "
        "films themselves. A transition counts as found up to two frames before it begins or after it ends. A flash is "
        "no cut: one that is taken for a cut is false. `again`: a second cut inside one transition; it divides "
        "pictures that no label needs."
    )
    return [shots_table(kinds, note)]


def _clips(paths: Sequence[Path]) -> list[Any]:
    return [
        ffmpeg.input(str(path)).video.filter("fps", FPS).trim(end_frame=CLIP).setpts("PTS-STARTPTS") for path in paths
    ]


def _hard(clips: Sequence[Any]) -> Any:
    return ffmpeg.concat(*clips)


def _faded(clips: Sequence[Any], colour: str) -> Any:
    faded = [
        clip.filter("fade", type="in", start_frame=0, nb_frames=FADE, color=colour)
        .filter("fade", type="out", start_frame=CLIP - FADE, nb_frames=FADE, color=colour)
        for clip in clips
    ]  # fmt: skip
    return ffmpeg.concat(*faded)


def _dissolved(clips: Sequence[Any]) -> Any:
    """xfade overlaps its inputs, so each clip after the first adds CLIP - DISSOLVE frames."""
    joined = clips[0]
    for i, clip in enumerate(clips[1:], start=1):
        offset = i * (CLIP - DISSOLVE) / FPS
        joined = ffmpeg.filter(
            [joined, clip], "xfade", transition="fade", duration=DISSOLVE / FPS, offset=offset
        )  # fmt: skip
    return joined


def _flashing(clips: Sequence[Any], frames: int) -> Any:
    """In the middle of each clip some frames are white, or much brighter, in turn: a lamp, a photographer."""
    when = f"between(n,{CLIP // 2},{CLIP // 2 + frames - 1})"
    lit = []
    for i, clip in enumerate(clips):
        if i % 2:
            lit.append(clip.filter("drawbox", x=0, y=0, w="iw", h="ih", color="white", t="fill", enable=when))
        else:
            lit.append(clip.filter("eq", brightness=0.45, enable=when))
    return ffmpeg.concat(*lit)


def _written(graph: Callable[[Sequence[Any]], Any], clips: Sequence[Path], path: Path) -> Path:
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".making-") as scratch:
        unfinished = Path(scratch) / path.name
        output = graph(_clips(clips)).output(
            str(unfinished), vcodec="libx264", pix_fmt="yuv420p", crf=18, preset="veryfast", threads=1, r=FPS,
            loglevel="error",
        )  # fmt: skip
        try:
            output.overwrite_output().run(cmd=ffmpeg_program(), capture_stderr=True)
        except ffmpeg.Error as error:
            raise VideoWriteError(
                f"{path.name}: ffmpeg said: {error.stderr.decode(errors='replace')[-2000:]}"
            ) from error
        unfinished.replace(path)
    return path
