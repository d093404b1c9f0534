"""Do the embedded networks see the people of the films, and how far off are they?

    hmmr films make --out /tmp/films && python -m bench.films_detected /tmp/films --every 8

Per split and kind of motion (upright, or tilted over): share of people with a box that overlaps their true one by 0.35;
of those, the 2D error over the 12 limb joints in parts of the longer side of the true box, the share of joints within
a tenth of it, and frames that fit better with left and right swapped. K 25 keypoints.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import decord
import numpy as np

from body.joints import KEYPOINTS_25, LIMBS_12, indices, mirror_permutation
from harvest.backends.embedded import EmbeddedBackend
from openworld.truth_file import read_people, truth_path
from storage.tables import row_views

LIMBS = indices(LIMBS_12, KEYPOINTS_25)
SWAPPED = mirror_permutation(KEYPOINTS_25)
OVERLAP = 0.35
MARGIN = 0.08
"""A person's outline reaches beyond the keypoints by about this share of their extent."""


class Seen(NamedTuple):
    """One person in one frame; the last three are NaN where nobody was found."""

    found: bool
    error: float
    within_tenth: float
    swapped: float


def judge(truth_K3: np.ndarray, boxes_P5: np.ndarray, poses_PK3: np.ndarray) -> Seen:
    """The detection that overlaps a person most, held against the truth."""
    low, high = truth_K3[:, :2].min(0), truth_K3[:, :2].max(0)
    low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
    side = np.maximum(np.minimum(boxes_P5[:, 2:4], high) - np.maximum(boxes_P5[:, :2], low), 0)
    shared = side.prod(1)
    overlap = shared / ((boxes_P5[:, 2:4] - boxes_P5[:, :2]).prod(1) + (high - low).prod() - shared)
    if not len(overlap) or overlap.max() < OVERLAP:
        return Seen(False, np.nan, np.nan, np.nan)
    pose_K3 = poses_PK3[overlap.argmax()]
    scale = (high - low).max()
    as_found, swapped = pose_K3[LIMBS, :2], pose_K3[SWAPPED][LIMBS, :2]
    error, other = (np.linalg.norm(points - truth_K3[LIMBS, :2], axis=1) / scale for points in (as_found, swapped))
    return Seen(True, error.mean(), float((error < 0.1).mean()), float(other.mean() < 0.7 * error.mean()))


def look_at(video: Path, backend: EmbeddedBackend, every: int) -> Iterator[tuple[str, Seen]]:
    """Every so many frames: the kind of motion of each person present, and how they were seen."""
    people = list(row_views(read_people(truth_path(video))))
    reader = decord.VideoReader(str(video), num_threads=1)
    chosen = list(range(0, len(reader), every))
    pictures = [reader[frame].asnumpy() for frame in chosen]
    boxes = backend.people(pictures)
    poses = backend.pose(pictures, [found[:, :4] for found in boxes])
    for frame, found, posed in zip(chosen, boxes, poses, strict=True):
        for person in people:
            if person["present"][frame]:
                kind = "tilted" if "tilt" in person["motion"] else "upright"
                yield kind, judge(person["keypoints_2d"].reshape(-1, 25, 3)[frame], found, posed)


def main() -> None:
    """Print one line a split and kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", type=Path)
    parser.add_argument("--every", type=int, default=8, help="look at every so many frames (default: %(default)s)")
    options = parser.parse_args()
    backend = EmbeddedBackend()
    seen: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for video in sorted(options.films.rglob("*.mp4")):
        for kind, one in look_at(video, backend, options.every):
            seen[video.parent.name, kind].append(one)
    print("split       motion   people  found  error  within 0.1  swapped")
    for (split, kind), rows in sorted(seen.items()):
        found, error, within, swapped = np.array(rows, float).T
        numbers = f"{found.mean():6.3f} {np.nanmean(error):6.3f} {np.nanmean(within):11.3f} {np.nanmean(swapped):8.3f}"
        print(f"{split:11} {kind:8} {len(rows):6} {numbers}")


if __name__ == "__main__":
    main()
