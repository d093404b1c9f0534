"""The tracklets of a lake or a snapshot as a torch Dataset of arrays.

T frames, J = 25 keypoints, D numbers of the image feature.
"""

import os
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from storage.lake import Lake
from storage.snapshot import load, select
from storage.tables import iter_tracklets, read_phi


class Tracklet(TypedDict):
    """One person through T frames. Without a feature, phi_TD has no columns."""

    tracklet_id: str
    source_id: str
    fps: float
    frame_index_T: torch.Tensor
    """(T,) int64: number of each frame in its video, in decode order."""
    keypoints_TJ3: torch.Tensor
    """(T, 25, 3) float32: x and y in px of the frame, score 0 to 1."""
    boxes_T4: torch.Tensor
    """(T, 4) float32: x0 y0 x1 y1 px."""
    observed_T: torch.Tensor
    """(T,) bool: False where the tracker bridged a gap."""
    phi_TD: torch.Tensor
    """(T, D) float16: image features."""


class Tracklets(Dataset[Tracklet]):
    """All tracklets of a lake's newest labels, or those of a frozen snapshot, in the order of their ids.

    `phi` names the image feature to read beside them, such as "blazepose_penultimate" or "keypoints"; tracklets that
    lack it are left out. LakeError names a lake or snapshot that is not there. Everything is read once, into memory.
    """

    def __init__(self, lake: str | os.PathLike[str] | Lake, *, snapshot: str | None = None, phi: str | None = None):
        rows = lake if isinstance(lake, Lake) else Lake(str(lake), create=False)
        ids = (load(rows, snapshot) if snapshot else select(rows)).tracklet_ids
        self._phi: dict[str, npt.NDArray[np.float16]] = read_phi(rows, phi, ids) if phi else {}
        kept = [name for name in ids if not phi or name in self._phi]
        self._tracklets = list(iter_tracklets(rows, kept))

    def __len__(self) -> int:
        return len(self._tracklets)

    def __getitem__(self, index: int) -> Tracklet:
        arrays = self._tracklets[index]
        empty = np.zeros((len(arrays.pts), 0), np.float16)
        return {
            "tracklet_id": arrays.tracklet_id, "source_id": arrays.source_id, "fps": arrays.fps,
            "frame_index_T": torch.from_numpy(np.array(arrays.frame_index, np.int64)),
            "keypoints_TJ3": torch.from_numpy(np.array(arrays.keypoints)),
            "boxes_T4": torch.from_numpy(np.array(arrays.boxes)),
            "observed_T": torch.from_numpy(np.array(arrays.observed)),
            "phi_TD": torch.from_numpy(np.array(self._phi.get(arrays.tracklet_id, empty))),
        }  # fmt: skip
