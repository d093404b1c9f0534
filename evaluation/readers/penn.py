"""Penn Action as it is downloaded: labels/%04d.mat and frames/%04d/%06d.jpg. 2D only, 13 joints.

Which side comes first is not certain (evaluation/joint_sets.py, PENN_13): look at an overlay of a copy.

Legend: N frames; pixels are 1-based in the files (MATLAB), 0-based here.
"""

from pathlib import Path

import numpy as np

from evaluation.errors import BadDatasetError
from evaluation.joint_sets import PENN_13
from evaluation.readers.files import opens, read_mat
from evaluation.sequence import BenchmarkSequence, Joints, field_of, shaped


@opens("path")
def read_penn_file(path: Path) -> BenchmarkSequence:
    """One clip (labels/NUMBER.mat), with the release's own split (`train` is 1 or -1).

    The release does not say the frame rate, so motion is not scored. BadDatasetError names a field that is missing or
    of another length than the others.
    """
    entries = read_mat(path)
    x, y, seen = (shaped(path, name, field_of(path, entries, name), None, 13) for name in ("x", "y", "visibility"))
    if not x.shape == y.shape == seen.shape:
        raise BadDatasetError(path, f"x, y and visibility have {len(x)}, {len(y)} and {len(seen)} frames")
    number = path.stem
    n_frames = int(np.asarray(field_of(path, entries, "nframes")).reshape(-1)[0])
    return BenchmarkSequence(
        dataset="penn_action",
        split="train" if int(np.asarray(field_of(path, entries, "train")).reshape(-1)[0]) == 1 else "test",
        name=number,
        fps=None,
        frame_ids=np.arange(len(x)),
        valid=np.asarray(seen.any(1)),
        joints_2d=Joints(PENN_13, np.stack([x - 1, y - 1, seen], -1)),
        images=tuple(path.parents[1] / "frames" / number / f"{i + 1:06d}.jpg" for i in range(len(x))),
        counted={"frames_not_labelled": max(0, n_frames - len(x))},
    )
