"""A benchmark's own joints beside a prepared lake: LAKE/truth/TRACKLET.npz, in the benchmark's own joint set.

The lake's labels3d have the universal 25 keypoints; the protocols of MPI-INF-3DHP, Human3.6M and the 3DPW challenge
score others. The lake's files stay what they are: whoever reads them needs no knowledge of these.

Legend: T frames of the tracklet, J joints, 3 x y z in metres in the camera frame.
"""

import io
from pathlib import Path

import numpy as np

from evaluation.errors import BadDatasetError
from evaluation.readers.files import bounded, read_npz
from evaluation.sequence import Joints
from storage.atomic import write_atomically


def truth_path(lake: str | Path, tracklet_id: str) -> Path:
    """Where the file of a tracklet lies."""
    return Path(lake) / "truth" / f"{tracklet_id}.npz"


def write_truth(lake: str | Path, tracklet_id: str, joints: Joints) -> None:
    """Keep the joints of one tracklet, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, names=np.array(joints.names), points=joints.points.astype(np.float32))
    path = truth_path(lake, tracklet_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def read_truth(lake: str | Path, tracklet_id: str) -> Joints:
    """The joints of one tracklet; BadDatasetError names the file."""
    path = truth_path(lake, tracklet_id)
    try:
        with bounded(path):
            data = read_npz(path)
            return Joints(tuple(str(name) for name in data["names"]), data["points"].astype(np.float64))
    except BadDatasetError as error:
        raise BadDatasetError(path, f"has no truth ({error.reason}); run `hmmr data prepare` again") from error
