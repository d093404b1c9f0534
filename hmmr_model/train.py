"""Training from lakes: which tracklets, which labels, which poses for the prior; then fit."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from body.keypoints import KeypointModel
from hmmr_model.configs import TrainConfig
from hmmr_model.data import TrainingSet
from hmmr_model.fit import Progress, TrainResult, fit
from hmmr_model.lake_tracks import NoTrainingDataError, read_tracks, store_tracks
from hmmr_model.prior import labelled_poses, read_prior_poses
from hmmr_model.tracks import Track
from storage.lake import LakeReader
from storage.snapshot import select
from storage.windows import WindowStore


def train(
    config: TrainConfig, pseudo: LakeReader | None, labelled: Sequence[LakeReader], out: Path, *,
    tracklet_ids: Sequence[str] | None = None, labelled_ids: Sequence[str] | None = None, snapshot: str | None = None,
    prior_poses: NDArray[np.float32] | None = None, resume: bool = True, progress: Progress | None = None,
) -> TrainResult:  # fmt: skip
    """Train on `labelled` lakes' 3D and the pseudo-labelled tracklets `tracklet_ids` of `pseudo`; write OUT/model.pt.

    `tracklet_ids` None or empty means no added video: the second half of each batch is then the labelled lakes' own
    detected 2D. 3D comes only from `labelled`, and where `labelled_ids` is given only from those tracklets. A run in
    OUT that was cut off is gone on with. `prior_poses` (N, 24, 3, 3) stands over `config.prior_poses`. `snapshot` is
    written into the checkpoint.
    Raises NoTrainingDataError, TrainingDivergedError, BadCheckpointError.
    """
    data = training_set(config, pseudo, labelled, tracklet_ids, labelled_ids, scratch=Path(out))
    keypoints = KeypointModel.load(config.body).to(config.device)
    return fit(
        config, data, keypoints, _real_poses(config, data, prior_poses), Path(out),
        snapshot=snapshot, resume=resume, progress=progress,
    )  # fmt: skip


def training_set(
    config: TrainConfig, pseudo: LakeReader | None, labelled: Sequence[LakeReader], tracklet_ids: Sequence[str] | None,
    labelled_ids: Sequence[str] | None = None, *, scratch: Path | None = None,
) -> TrainingSet:  # fmt: skip
    """What `train` draws from; NoTrainingDataError names the lake that has nothing fit. Labelled tracks lie in memory,
    pseudo-labelled ones in files below `scratch` that have no name any more."""
    held_out = config.data.held_out
    with_3d: list[Track] = []
    for lake in labelled:
        ids = select(lake).tracklet_ids
        wanted = ids if labelled_ids is None else sorted(set(ids) & set(labelled_ids))
        with_3d += read_tracks(lake, config.data, wanted, config.body_name, held_out)
    if not with_3d:
        raise NoTrainingDataError(_nothing("3D labels", [lake.root for lake in labelled], config))
    added: WindowStore | list[Track] = []
    if pseudo is not None and tracklet_ids:
        stored = store_tracks(pseudo, config.data, sorted(set(tracklet_ids)), held_out, scratch)
        if stored is None:
            raise NoTrainingDataError(_nothing("one of the ids asked for", [pseudo.root], config))
        added = stored
    return TrainingSet(with_3d, added, config.data, config.seed)


def _real_poses(config: TrainConfig, data: TrainingSet, given: NDArray[np.float32] | None) -> torch.Tensor:
    if given is not None:
        return torch.from_numpy(np.ascontiguousarray(given, np.float32))
    if config.prior_poses:
        return read_prior_poses(config.prior_poses)
    if not config.loss.adversarial:
        return torch.eye(3).expand(1, 24, 3, 3)
    return labelled_poses(data)


def _nothing(what: str, where: Sequence[str], config: TrainConfig) -> str:
    data = config.data
    return (
        f"{', '.join(where) or 'no lake'}: no usable tracklet with {what}: wanted phi {data.phi_name}, "
        f"{data.window} frames or more, {data.min_fps:g} to {data.max_fps:g} frames a second, "
        f"no split of {', '.join(data.held_out)}"
    )
