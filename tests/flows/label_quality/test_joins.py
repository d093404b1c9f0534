"""Clips joined by ffmpeg: as long as they should be, and found by the shot detector where they can be."""

from pathlib import Path

import numpy as np
import pytest

from body.ffmpeg import write_mp4
from flows.label_quality.joins import CLIP, DISSOLVE, Joined, cuts_of, make_joined
from harvest.video.decode import DecodeConfig, Video
from harvest.video.shots import ShotConfig

CLIPS = 3


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Joined]:
    """Three clips of unlike blocks, longer than what is taken of them."""
    out = tmp_path_factory.mktemp("joins")
    clips = []
    for n in range(CLIPS):
        picture = np.random.default_rng(n).integers(0, 255, (4, 4, 3), np.uint8).repeat(40, 0).repeat(40, 1)
        clips.append(write_mp4((picture for _ in range(CLIP + 4)), out / f"{n}.mp4", 25))
    return make_joined(clips, out / "joined")


def _shades(path: Path) -> np.ndarray:
    """(F) mean of each picture."""
    video = Video(path, path.name, DecodeConfig(), max_pixels=1 << 20, max_seconds=60)
    return np.array([frame.pixels_HW3.mean() for frame in video.frames()])


def test_lengths_and_transitions(joined: dict[str, Joined]) -> None:
    for kind, video in joined.items():
        frames = cuts_of(video.path, video.transitions, ShotConfig()).n_frames
        overlap = DISSOLVE if kind.startswith("dissolves") else 0
        assert frames == CLIPS * CLIP - (CLIPS - 1) * overlap
        assert len(video.transitions) == CLIPS - 1


@pytest.mark.parametrize("kind", ["hard cuts", "hard cuts, a flash of 2 frames in each shot"])
def test_unlike_clips_are_cut_at_their_first_frames(joined: dict[str, Joined], kind: str) -> None:
    video = joined[kind]
    assert list(cuts_of(video.path, video.transitions, ShotConfig()).found) == [CLIP, 2 * CLIP]


def test_flashes_are_really_there(joined: dict[str, Joined]) -> None:
    plain, lit = _shades(joined["hard cuts"].path), _shades(joined["hard cuts, a flash of 3 frames in each shot"].path)
    brighter = np.flatnonzero(lit > plain + 20)
    middle = CLIP // 2
    assert brighter.tolist() == [n * CLIP + middle + k for n in range(CLIPS) for k in range(3)]


def test_what_is_there_is_kept(joined: dict[str, Joined]) -> None:
    path = joined["hard cuts"].path
    before = path.stat().st_mtime_ns
    make_joined([path], path.parent)
    assert path.stat().st_mtime_ns == before


def test_more_clips_are_joined_anew(joined: dict[str, Joined]) -> None:
    """`hmmr harvest measure` with more films and the same --out."""
    out = joined["hard cuts"].path.parent
    fewer = make_joined([out.parent / f"{n}.mp4" for n in range(CLIPS - 1)], out)["hard cuts"]
    assert cuts_of(fewer.path, fewer.transitions, ShotConfig()).n_frames == (CLIPS - 1) * CLIP
