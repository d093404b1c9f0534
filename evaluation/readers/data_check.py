"""Checks a copy of a benchmark file by file: is it complete, readable, the right way round? In about a minute."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.errors import BadDatasetError
from evaluation.readers.datasets import Dataset, Part
from evaluation.readers.files import bounded
from evaluation.readers.sanity import check_sides_and_bones
from evaluation.sequence import BenchmarkSequence

FARTHEST_PX = 30.0
"""Median distance of a projected joint from its 2D label, where both exist: a wrong camera is hundreds of px off,
a detector's label (3DPW) under ten."""

ENDS = ("left_wrist", "right_wrist", "left_ankle", "right_ankle")
"""Hips and shoulders differ by convention between SMPL and 2D detectors; the ends of limbs hardly do."""


@dataclass(frozen=True)
class FileReport:
    """What one file holds, or what is wrong with it."""

    path: Path
    ok: bool
    words: str


def check_dataset(dataset: Dataset, root: Path) -> Iterator[FileReport]:
    """A report for each file, and one for each part whose release is larger than what lies here."""
    files = dataset.files(root)
    for part, path in files:
        yield check_file(part, root, path)
    counts = Counter(part.pattern for part, _ in files)
    for part in dataset.parts:
        if 0 < part.complete != counts[part.pattern]:
            words = f"{counts[part.pattern]} of {part.complete} files"
            yield FileReport(root / part.pattern, counts[part.pattern] > part.complete, words)


def check_file(part: Part, root: Path, path: Path) -> FileReport:
    """Read one file whole, count what it holds, and look at its sides, bones, cameras and pictures."""
    sequences = frames = valid = 0
    counted: Counter[str] = Counter()
    problems: list[str] = []
    try:
        for sequence in part.read(root, path):
            sequences, frames, valid = sequences + 1, frames + len(sequence), valid + int(sequence.valid.sum())
            counted.update({reason: number for reason, number in sequence.counted.items() if number})
            with bounded(path):
                problems += [f"{sequence.name}: {problem}" for problem in check_sequence(sequence)]
    except BadDatasetError as error:
        return FileReport(path, False, error.reason)
    words = f"{sequences} sequences, {frames} frames, {valid} valid"
    if counted:
        words += "; " + ", ".join(f"{reason} {number}" for reason, number in sorted(counted.items()))
    if problems:
        words += "; " + "; ".join(problems[:3]) + (f" and {len(problems) - 3} more" if len(problems) > 3 else "")
    return FileReport(path, not problems, words)


def check_sequence(sequence: BenchmarkSequence) -> list[str]:
    """What is wrong with one sequence, in words: pictures, sides and bones, cameras."""
    problems = _pictures(sequence)
    if sequence.joints_3d is not None:
        problems += [str(finding) for finding in check_sides_and_bones(sequence.joints_3d) if not finding.ok]
    distance = reprojection_px(sequence)
    if distance is not None and distance > FARTHEST_PX:
        problems.append(f"3D projects {distance:.0f} px from the 2D labels in the median: camera or joints do not fit")
    return problems


def reprojection_px(sequence: BenchmarkSequence) -> float | None:
    """Median distance (px) of projected joints from 2D labels that both sets have by name; None where they cannot."""
    solid, seen, camera = sequence.joints_3d, sequence.joints_2d, sequence.camera
    if solid is None or seen is None or camera is None:
        return None
    shared = [name for name in ENDS if name in solid.names and name in seen.names]
    if not shared:
        return None
    labels = seen.pick(shared)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.linalg.norm(camera.project(solid.pick(shared)) - labels[..., :2], axis=-1)
    counts = (labels[..., 2] > 0.3) & sequence.valid[:, None] & np.isfinite(distance)
    return float(np.median(distance[counts])) if counts.any() else None


def _pictures(sequence: BenchmarkSequence) -> list[str]:
    if sequence.video is not None:
        return [] if sequence.video.is_file() else [f"no video {sequence.video.name}"]
    if not sequence.images or not sequence.images[0].is_absolute():
        return []
    folders = {path.parent for path in sequence.images}
    there = {path for folder in folders if folder.is_dir() for path in folder.iterdir()}
    missing = [path for path in sequence.images if path not in there]
    return (
        [f"{len(missing)} of {len(sequence.images)} pictures are missing, first {missing[0].name}"] if missing else []
    )
