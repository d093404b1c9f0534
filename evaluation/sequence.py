"""What every benchmark reader gives: one person through one video, in one form.

Legend: T frames, J joints in the file's own set, 3 x y z.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25
from evaluation.camera import Camera
from evaluation.errors import BadDatasetError

MOST_FRAMES = 2**31 - 1
"""The largest number of a frame that the lake can hold."""
MOST_FPS = 10_000.0
"""Motion capture records up to 500 frames a second."""


@dataclass(frozen=True)
class Joints:
    """A joint set through time, under its own names."""

    names: tuple[str, ...]
    points: NDArray[np.float64]
    """(T, J, 3): x y z metres in the camera frame, or x y px and confidence."""

    def keypoints_25(self, missing: float) -> NDArray[np.float32]:
        """(T, 25, 3) in the universal order; joints that the set does not have hold `missing`."""
        result = np.full((len(self.points), len(KEYPOINTS_25), 3), missing, np.float32)
        for column, name in enumerate(self.names):
            if name in KEYPOINTS_25:
                result[:, KEYPOINTS_25.index(name)] = self.points[:, column]
        return result

    def pick(self, names: Sequence[str]) -> NDArray[np.float64]:
        """(T, len(names), 3) by name; KeyError for a name that the set does not have."""
        missing = [name for name in names if name not in self.names]
        if missing:
            raise KeyError(f"joint set lacks {', '.join(missing)}")
        return self.points[:, [self.names.index(name) for name in names]]


@dataclass(frozen=True)
class BodyMotion:
    """SMPL parameters of a sequence: root in camera axes where the sequence has a camera, else in the file's own."""

    name: str
    """Which body file: smpl_male, smpl_female, smpl_neutral."""
    axis_angles: NDArray[np.float64]
    """(T, 24, 3) rad."""
    betas: NDArray[np.float64]
    """(10,)"""
    translation: NDArray[np.float64] | None = None
    """(T, 3) m of the body's origin, same frame as the root."""


@dataclass(frozen=True)
class BenchmarkSequence:
    """One person in one video of a benchmark, as its files say."""

    dataset: str
    split: str
    name: str
    """Unique in the dataset: sequence, actor, camera."""
    fps: float | None
    """None where the files do not say; motion is then not scored (hazard 7)."""
    frame_ids: NDArray[np.int64]
    """(T,) number of each frame in its video."""
    valid: NDArray[np.bool_]
    """(T,) whether the benchmark's own rules let the frame count."""
    joints_3d: Joints | None = None
    joints_2d: Joints | None = None
    camera: Camera | None = None
    body: BodyMotion | None = None
    images: tuple[Path, ...] = ()
    """T paths, or none: then `video` has the pictures."""
    video: Path | None = None
    counted: dict[str, int] = field(default_factory=dict)
    """What was left out or mended while reading, by reason."""

    def __len__(self) -> int:
        return len(self.frame_ids)

    def taken(self, rows: NDArray[np.int64], fps: float | None) -> "BenchmarkSequence":
        """Only these frames, at this rate; what was counted stays."""
        body = self.body
        if body is not None:
            place = None if body.translation is None else body.translation[rows]
            body = replace(body, axis_angles=body.axis_angles[rows], translation=place)
        return replace(
            self,
            fps=fps,
            frame_ids=self.frame_ids[rows],
            valid=self.valid[rows],
            joints_3d=None if self.joints_3d is None else Joints(self.joints_3d.names, self.joints_3d.points[rows]),
            joints_2d=None if self.joints_2d is None else Joints(self.joints_2d.names, self.joints_2d.points[rows]),
            body=body,
            images=tuple(self.images[row] for row in rows) if self.images else (),
        )


def check_lengths(path: Path, sequence: BenchmarkSequence) -> None:
    """BadDatasetError where a part of the sequence has not one row a frame, or frames are not numbered as integers."""
    solid, seen, body = sequence.joints_3d, sequence.joints_2d, sequence.body
    rows = {
        "valid": sequence.valid,
        "joints_3d": None if solid is None else solid.points,
        "joints_2d": None if seen is None else seen.points,
        "body": None if body is None else body.axis_angles,
        "translation": None if body is None else body.translation,
        "images": sequence.images or None,
    }
    for name, values in rows.items():
        if values is not None and len(values) != len(sequence):
            raise BadDatasetError(path, f"{sequence.name} has {len(sequence)} frames, and {len(values)} rows of {name}")
    if sequence.frame_ids.ndim != 1 or sequence.valid.ndim != 1 or sequence.valid.dtype != np.bool_:
        raise BadDatasetError(path, f"{sequence.name}: frame numbers or flags that are not one a frame")
    if len(sequence) and (np.abs(sequence.frame_ids) > MOST_FRAMES).any():
        raise BadDatasetError(path, f"{sequence.name} numbers its frames beyond {MOST_FRAMES}")


def shaped(path: Path, name: str, value: Any, *shape: int | None) -> NDArray[np.float64]:
    """`value` as float64 of the given shape (None: any length); BadDatasetError names the field otherwise."""
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise BadDatasetError(path, f"{name} is not an array of numbers ({error})") from None
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = tuple("N" if want is None else want for want in shape)
        raise BadDatasetError(path, f"{name} is {array.shape}, not {wanted}")
    return array


def rate_of(path: Path, value: Any) -> float:
    """A frame rate, in frames per second; BadDatasetError where it is no number above 0 and up to MOST_FPS."""
    try:
        rate = float(value)
    except (TypeError, ValueError, OverflowError):
        rate = math.nan
    if not 0 < rate <= MOST_FPS:
        raise BadDatasetError(path, f"a frame rate of {str(value)[:40]}; wanted a number above 0, up to {MOST_FPS:g}")
    return rate


def field_of(path: Path, entries: Any, name: str | int) -> Any:
    """`entries[name]`; BadDatasetError names the field (or the actor's number) that the file lacks."""
    try:
        return entries[name]
    except (KeyError, IndexError, TypeError):
        raise BadDatasetError(path, f"has no {name}; is the download complete?") from None
