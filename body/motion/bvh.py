"""Read BVH motion files: any tree, any order of channels, position channels on any joint.

Legend: T frames, J joints, C channels.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from body.motion import Motion, MotionFileError
from body.motion.retarget import retarget
from body.motion.skeleton import SkeletonMotion

CALIBRATION_ZERO_SHARE = 0.8
"""A first frame with at least this share of exactly zero angles, the root's all zero, is a calibration pose."""


@dataclass
class _Tree:
    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[list[float]] = field(default_factory=list)
    channels: list[list[str]] = field(default_factory=list)

    def add(self, name: str, parent: int) -> int:
        self.names.append(name)
        self.parents.append(parent)
        self.offsets.append([0.0, 0.0, 0.0])
        self.channels.append([])
        return len(self.names) - 1


def read_bvh(path: str | Path) -> Motion:
    """The file's motion on the open body; MotionFileError names a file that is damaged or of an unknown skeleton."""
    path = Path(path)
    try:
        return retarget(read_bvh_skeleton(path))
    except MotionFileError:
        raise
    except ValueError as problem:
        raise MotionFileError(f"{path}: {problem}") from problem


def read_bvh_skeleton(path: Path) -> SkeletonMotion:
    """Read the motion on the file's own skeleton.

    A leading calibration frame, as CMU's conversions have it, is dropped.
    """
    try:
        lines = iter(path.read_text(errors="strict").splitlines())
        tree = _hierarchy(lines)
        frame_time, values_TC = _frames(lines, sum(map(len, tree.channels)))
        first = 1 if _starts_with_calibration(tree, values_TC) else 0
        rotations, steps = _joints(tree, values_TC[first:])
    except (ValueError, IndexError, StopIteration) as problem:
        raise MotionFileError(f"{path}: not a readable BVH file ({problem or 'it ends too early'})") from problem
    return SkeletonMotion(
        name=path.stem,
        fps=_rate(frame_time),
        names=tuple(tree.names),
        parents=tuple(tree.parents),
        offsets=np.array(tree.offsets),
        rotations=rotations,
        steps=steps,
    )


def _rate(frame_time: float) -> float:
    """Frames a second. Files round the frame time (.0083333): a rate within 0.01 % of a whole number is that number."""
    fps = 1 / frame_time
    return float(round(fps)) if abs(fps - round(fps)) < 1e-4 * fps else fps


def _hierarchy(lines: Iterator[str]) -> _Tree:
    tree, stack = _Tree(), [-1]
    pending = -1
    for words in _statements(lines):
        match words[:1]:
            case ["ROOT" | "JOINT"]:
                pending = tree.add(" ".join(words[1:]), stack[-1])
            case ["End"]:
                pending = tree.add(f"{tree.names[stack[-1]]}_end", stack[-1])
            case ["{"]:
                stack.append(pending)
            case ["}"]:
                stack.pop()
            case ["OFFSET"]:
                tree.offsets[stack[-1]] = [float(word) for word in words[1:4]]
            case ["CHANNELS"]:
                tree.channels[stack[-1]] = words[2:]
            case ["MOTION"]:
                break
    if not tree.names:
        raise ValueError("it has no HIERARCHY")
    if any(len(offset) != 3 or not np.isfinite(offset).all() for offset in tree.offsets):
        raise ValueError("an OFFSET is not three finite numbers")
    return tree


def _statements(lines: Iterator[str]) -> Iterator[list[str]]:
    """The words of each statement up to MOTION. A brace is one of its own, also on the line of its joint."""
    for line in lines:
        for statement in re.findall(r"[{}]|[^{}]+", line):
            yield statement.split()


def _frames(lines: Iterator[str], n_channels: int) -> tuple[float, np.ndarray]:
    """Seconds a frame and the values (T, C)."""
    count = int(next(line for line in lines if line.strip()).split(":")[1])
    frame_time = float(next(line for line in lines if line.strip()).split(":")[1])
    rows = [np.array(line.split(), dtype=np.float64) for line in lines if line.strip()][:count]
    if len(rows) < count or count < 1:
        raise ValueError(f"it promises {count} frames and has {len(rows)}")
    if any(len(row) != n_channels for row in rows):
        raise ValueError(f"a frame does not have the {n_channels} channels of the hierarchy")
    values_TC = np.stack(rows)
    if not (np.isfinite(values_TC).all() and np.isfinite(frame_time) and frame_time > 0):
        raise ValueError("it holds a NaN, an infinity, or a frame time that is not positive")
    return frame_time, values_TC


def _starts_with_calibration(tree: _Tree, values_TC: np.ndarray) -> bool:
    names = [channel for channels in tree.channels for channel in channels]
    turning = np.array(["rotation" in name for name in names])
    if len(values_TC) < 3 or not turning.any():
        return False
    still_TC = values_TC[:2, turning] == 0
    root = sum("rotation" in name for name in tree.channels[0])
    calibrates: bool = bool(still_TC[0, :root].all()) and still_TC[0].mean() >= CALIBRATION_ZERO_SHARE
    return calibrates and still_TC[1].mean() < CALIBRATION_ZERO_SHARE


def _joints(tree: _Tree, values_TC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations (T, J, 3, 3) and steps (T, J, 3)."""
    count = len(values_TC)
    rotations = np.tile(np.eye(3), (count, len(tree.names), 1, 1))
    steps = np.tile(np.array(tree.offsets), (count, 1, 1))
    column = 0
    for j, channels in enumerate(tree.channels):
        block = values_TC[:, column : column + len(channels)]
        column += len(channels)
        turns = [i for i, channel in enumerate(channels) if "rotation" in channel]
        if turns:
            axes = "".join(channels[i][0].upper() for i in turns)
            rotations[:, j] = Rotation.from_euler(axes, block[:, turns], degrees=True).as_matrix()
        for i, channel in enumerate(channels):
            if "position" in channel:
                steps[:, j, "XYZ".index(channel[0].upper())] = block[:, i]
    return rotations, steps
