"""InstaVariety's track files (TAG/VIDEO/TRACK/*.json, one OpenPose detection a frame), as HMMR released them.

Legend: T detected frames of a track; pixels of the source video.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import BadDatasetError
from evaluation.joint_sets import OPENPOSE_25
from evaluation.readers.files import opens, read_json_object
from evaluation.sequence import BenchmarkSequence, Joints
from storage.json_text import MISFIT, number

_SIDES = {"R": "right", "L": "left"}
_SAME = {"hip": "mid_hip"}


@opens("folder")
def read_track(root: Path, folder: Path) -> BenchmarkSequence:
    """One track (the folder TAG/VIDEO/TRACK), in the order of its frames.

    A frame without detection has no file: `frame_ids` shows the gap, and nothing is shifted. Track ids are not unique
    over shots, so the folder names the track. Frames count from 0; `imloc` names ffmpeg's picture, from 1.
    """
    detections = [_load(path) for path in sorted(folder.glob("*.json"))]
    if not detections:
        raise BadDatasetError(folder, "holds no *.json of a track")
    detections.sort(key=lambda item: item[0])
    frames = np.array([frame for frame, _ in detections])
    first_of_each = np.append(True, np.diff(frames) != 0)
    points = np.stack([points for _, points in detections])[first_of_each]
    return BenchmarkSequence(
        dataset="instavariety",
        split="",
        name=folder.relative_to(root).as_posix(),
        fps=None,
        frame_ids=frames[first_of_each],
        valid=(points[..., 2] > 0).any(1),
        joints_2d=Joints(OPENPOSE_25, points),
        counted={"second_detection_of_a_frame": int((~first_of_each).sum())},
    )


def keypoint_name(label: str) -> str:
    """ "R Big Toe" as "right_big_toe": the files' names in ours."""
    words = label.split()
    words[0] = _SIDES.get(words[0], words[0])
    name = "_".join(words).lower()
    return _SAME.get(name, name)


def _load(path: Path) -> tuple[int, NDArray[np.float64]]:
    try:
        entries = read_json_object(path)
        points = np.zeros((len(OPENPOSE_25), 3))
        for label, value in entries.items():
            name = keypoint_name(label) if isinstance(value, dict) and "logits" in value else ""
            if name in OPENPOSE_25:
                points[OPENPOSE_25.index(name)] = [number(value[key]) for key in ("x", "y", "logits")]
        return int(np.int64(int(entries["frame"]))), points
    except MISFIT as error:
        raise BadDatasetError(path, f"is not a track file of InstaVariety ({error})") from error
