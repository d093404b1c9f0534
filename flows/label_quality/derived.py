"""Films that the open world does not make, from films that it does: cut off by the border, frozen, photographs.

The truth goes along: a joint outside of what is left of the picture is not visible, a frozen frame repeats its truth.
Letters as in evaluation/label_quality/people.py.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body.ffmpeg import write_mp4
from evaluation.label_quality.people import Truth
from flows.label_quality.films import KnownFilm
from harvest.video.decode import DecodeConfig, Video
from storage.atomic import file_sha256

FPS = 25
CUT_OFF, FROZEN = "cut off by the border", "picture freezes for 1 s"
STILL, PANNED = "one picture all the time", "one picture, panned over"
_PAN_PX = 40
_SMALLEST_PX = 96
_HOLD_FRAMES = 25


def make_cut_off(films: Sequence[KnownFilm], out: Path) -> list[KnownFilm]:
    """The lower part, the left or the right of each picture is gone, in turn, through the middle of the person."""
    return [_cut_off(film, out, ("below", "left", "right")[n % 3]) for n, film in enumerate(films)]


def make_frozen(films: Sequence[KnownFilm], out: Path) -> list[KnownFilm]:
    """Each film stops on its middle frame for a second and goes on."""
    frozen = []
    for film in films:
        middle = len(film.truth.shots_F) // 2
        at = np.concatenate([np.arange(middle), np.full(_HOLD_FRAMES, middle),
                             np.arange(middle, len(film.truth.shots_F))])  # fmt: skip
        frozen.append(_retimed(film, out, "frozen", FROZEN, at))
    return frozen


def make_still(films: Sequence[KnownFilm], out: Path) -> list[KnownFilm]:
    """The middle frame of each film for two seconds: a poster."""
    return [
        _retimed(film, out, "still", STILL, np.full(2 * FPS, len(film.truth.shots_F) // 2)) for film in films
    ]  # fmt: skip


def make_panned(films: Sequence[KnownFilm], out: Path) -> list[KnownFilm]:
    """The middle frame of each film for two seconds, over which the picture's edges move: a photograph in a film."""
    return [_panned(film, out) for film in films]


def _panned(film: KnownFilm, out: Path) -> KnownFilm:
    """A window of all but _PAN_PX of the width, from left to right."""
    at_F = np.full(2 * FPS, len(film.truth.shots_F) // 2)
    left_F = np.round(np.linspace(0, _PAN_PX, len(at_F))).astype(int)
    pictures = _Pictures(film.path)
    width = pictures.width - _PAN_PX

    def frames() -> Iterator[NDArray[np.uint8]]:
        still = list(pictures)[at_F[0]]
        yield from (still[:, left : left + width] for left in left_F.tolist())

    path = _written(frames(), _place(film, out, "panned"))
    joints = film.truth.joints_PFJ3[:, at_F]
    joints[..., 0] -= left_F[None, :, None]
    joints[..., 2] *= (joints[..., 0] >= 0) & (joints[..., 0] < width)
    return KnownFilm(path, PANNED, Truth(joints, film.truth.present_PF[:, at_F], film.truth.shots_F[at_F]))


def _cut_off(film: KnownFilm, out: Path, side: str) -> KnownFilm:
    pictures = _Pictures(film.path)
    x0, y0, x1, y1 = _left_over(film.truth, side, pictures.width, pictures.height)
    path = _written((p[y0:y1, x0:x1] for p in pictures), _place(film, out, side))
    joints = film.truth.joints_PFJ3 - np.array([x0, y0, 0])
    x, y, shown = np.moveaxis(joints, -1, 0)
    joints[..., 2] = shown * ((x >= 0) & (y >= 0) & (x < x1 - x0) & (y < y1 - y0))
    return KnownFilm(path, CUT_OFF, Truth(joints, film.truth.present_PF, film.truth.shots_F))


def _left_over(truth: Truth, side: str, width: int, height: int) -> tuple[int, int, int, int]:
    """x0 y0 x1 y1 of what stays: up to, or from, the middle of where the person's joints mostly are."""
    shown = truth.joints_PFJ3[0][truth.joints_PFJ3[0, ..., 2] > 0]
    x, y = (int(value) for value in np.median(shown[:, :2], axis=0))
    if side == "below":
        return 0, 0, width, _even(max(y, _SMALLEST_PX))
    if side == "left":
        return min(x, width - _SMALLEST_PX) // 2 * 2, 0, width, height
    return 0, 0, _even(max(x, _SMALLEST_PX)), height


def _even(size: int) -> int:
    return size - size % 2


def _retimed(film: KnownFilm, out: Path, name: str, kind: str, at_F: NDArray[np.int64]) -> KnownFilm:
    """The film's frames `at_F`, in that order."""

    def frames() -> Iterator[NDArray[np.uint8]]:
        pictures = list(_Pictures(film.path))
        yield from (pictures[n] for n in at_F)

    path = _written(frames(), _place(film, out, name))
    truth = film.truth
    return KnownFilm(path, kind, Truth(truth.joints_PFJ3[:, at_F], truth.present_PF[:, at_F], truth.shots_F[at_F]))


class _Pictures:
    """Pictures of a film, decoded when asked for."""

    def __init__(self, path: Path) -> None:
        self._video = Video(path, path.name, DecodeConfig(), max_pixels=1 << 24, max_seconds=3600)
        self.width, self.height = self._video.width, self._video.height

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (frame.pixels_HW3 for frame in self._video.frames())


def _place(film: KnownFilm, out: Path, name: str) -> Path:
    """Named by what the film holds too: a world of another seed has films of the same names."""
    return out / f"{film.path.stem}_{name}_{file_sha256(film.path)[:8]}.mp4"


def _written(pictures: Iterator[NDArray[np.uint8]], path: Path) -> Path:
    """Kept if it is there already: the same film gives the same file."""
    return path if path.exists() else write_mp4(pictures, path, FPS, 18)
