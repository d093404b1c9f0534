"""Labels over the pictures they came from, to be looked at: a sheet of frames with every tracklet's box and skeleton.

    .venv/bin/python scripts/overlay.py LAKE VIDEO sheet.png [--frames 6] [--show-heads]

Heads are blurred unless --show-heads says otherwise, those of people whom no label covers not: keep sheets of real
video to yourself.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from body.draw import draw_skeleton
from body.joints import KEYPOINTS_25
from harvest.fetch.policy import Policy
from harvest.video.decode import DecodeConfig
from harvest.video.random_access import RandomAccess
from storage.atomic import file_sha256
from storage.lake import Lake
from storage.tables import TrackletArrays, iter_tracklets

Picture = NDArray[np.uint8]
HEAD = [i for i, name in enumerate(KEYPOINTS_25) if name.split("_")[-1] in ("head", "nose", "eye", "ear", "neck")]
COLUMNS = 3


def blur_head(picture: Picture, keypoints_25x3: NDArray[np.float32], box_4: NDArray[np.float32]) -> None:
    """Make the head unrecognisable, in place: a disc around its joints, at least a sixth of the box wide."""
    points = keypoints_25x3[HEAD]
    points = points[points[:, 2] > 0.1, :2]
    if not len(points):
        points = np.array([[(box_4[0] + box_4[2]) / 2, box_4[1] + (box_4[3] - box_4[1]) / 6]], np.float32)
    centre = points.mean(0)
    radius = int(max(1.3 * np.linalg.norm(points - centre, axis=1).max(), (box_4[3] - box_4[1]) / 12, 4))
    x0, y0 = np.maximum(0, centre - radius).astype(int)
    x1, y1 = (centre + radius).astype(int)
    patch = picture[y0:y1, x0:x1]
    if patch.size:
        small = cv2.resize(patch, (3, 3), interpolation=cv2.INTER_AREA)
        patch[:] = cv2.resize(small, patch.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def with_labels(frame: Picture, index: int, tracks: list[TrackletArrays], *, show_heads: bool) -> Picture:
    """One frame with all that the lake says of it."""
    picture = frame.copy()
    here = [(track, int(at[0])) for track in tracks if len(at := np.flatnonzero(track.frame_index == index))]
    if not show_heads:
        for track, at in here:
            blur_head(picture, track.keypoints[at], track.boxes[at])
    for track, at in here:
        picture = draw_skeleton(picture, track.keypoints[at])
        x0, y0, x1, y1 = (int(v) for v in track.boxes[at])
        colour = tuple(int(v) for v in bytes.fromhex(track.tracklet_id[:6]))
        cv2.rectangle(picture, (x0, y0), (x1, y1), colour, 1)
        cv2.putText(picture, track.tracklet_id[:4], (x0 + 2, y0 + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1)
    return picture


def sheet(lake: Lake, video: Path, frames: int, *, show_heads: bool) -> Picture:
    """`frames` pictures spread over the video, three beside each other. ValueError if the lake has no labels of it."""
    source = file_sha256(video)
    tracks = [track for track in iter_tracklets(lake) if track.source_id == source]
    if not tracks:
        raise ValueError(f"{lake.root} has no tracklet of {video}")
    last = max(int(track.frame_index.max()) for track in tracks)
    wanted = np.unique(np.linspace(0, last, frames).round().astype(np.int64))
    access = RandomAccess(video, video.name, DecodeConfig(), max_pixels=Policy().max_pixels)
    found = access.frames(wanted)
    pictures = [with_labels(frame.pixels_HW3, frame.index, tracks, show_heads=show_heads) for frame in found]
    blank = np.zeros_like(pictures[0])
    pictures += [blank] * (-len(pictures) % COLUMNS)
    rows = [np.hstack(pictures[i : i + COLUMNS]) for i in range(0, len(pictures), COLUMNS)]
    return np.vstack(rows)


def main() -> None:
    """See the file's head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake")
    parser.add_argument("video", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--show-heads", action="store_true")
    given = parser.parse_args()
    picture = sheet(Lake(given.lake, create=False), given.video, given.frames, show_heads=given.show_heads)
    cv2.imwrite(str(given.out), picture[:, :, ::-1])


if __name__ == "__main__":
    main()
