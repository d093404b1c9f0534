"""A prediction moved towards the tracklet's own 2D keypoints, so that the limbs of an overlay lie on limbs.

T frames, J 25 keypoints, K betas. Crop coordinates [-1, 1], metres, camera axes. Like SMPLify (Bogo et al., ECCV 2016),
but started from, and held to, what the network says of depth, and over all frames of the tracklet at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from body.cameras import weak_perspective
from body.keypoints import KeypointModel
from body.rotations import matrix_to_rot6d, rot6d_to_matrix
from hmmr_model.lake_tracks import in_crop
from hmmr_model.losses import second_difference
from hmmr_model.optimal_camera import optimal_camera
from hmmr_model.prediction import Pose, Prediction
from storage.lake import Lake
from storage.tables import TrackletArrays, iter_tracklets


@dataclass(frozen=True)
class RefineConfig:
    """Weights chosen on dev films (docs/LOG.md)."""

    steps: int = 80
    learning_rate: float = 0.02
    keypoints_2d: float = 60.0
    """On the mean absolute distance, crop units, of keypoints weighted by their score."""
    rotations: float = 100.0
    """On the mean squared difference of rotation matrices from the network's."""
    acceleration: float = 60.0
    """On the keypoints' mean absolute second difference, m/frame^2."""
    camera: float = 60.0
    """On that of scale and shift."""
    betas: float = 1.0
    """On the mean squared difference from the network's."""
    min_score: float = 0.3
    """Keypoints below count for nothing."""


@dataclass
class _State:
    """What is moved; leaves of the graph."""

    rot6d_TJ6: Tensor
    betas_K: Tensor
    camera_T3: Tensor

    def all(self) -> list[Tensor]:
        return [self.rot6d_TJ6, self.betas_K, self.camera_T3]


def refine_lake(
    predictions: Mapping[str, Prediction], lake: Lake, body: str | None = None, config: RefineConfig | None = None
) -> dict[str, Prediction]:
    """All of them, each with the keypoints of its tracklet in `lake`. `body` is the file that training named."""
    model = KeypointModel.load(body)
    return {
        tracklet.tracklet_id: refine(predictions[tracklet.tracklet_id], tracklet, model, config or RefineConfig())
        for tracklet in iter_tracklets(lake, list(predictions))
    }


def refine(prediction: Prediction, tracklet: TrackletArrays, model: KeypointModel, config: RefineConfig) -> Prediction:
    """The same prediction with rotations, betas, camera and keypoints_3d moved, and every other head's pose with them.

    Past and future keep what they say of the change from the present (docs/LOG.md: nearer to the truth than the
    network's own). One shape for the whole tracklet. Deterministic. Comes back as it is if no keypoint has `min_score`.
    """
    seen_TJ3 = torch.from_numpy(in_crop(tracklet.keypoints, tracklet.boxes))
    weight_TJ = seen_TJ3[..., 2] * (seen_TJ3[..., 2] >= config.min_score)
    if not weight_TJ.any():
        return prediction
    first_TJ33 = torch.from_numpy(prediction.rotations)
    first_K = torch.from_numpy(prediction.betas).mean(dim=0)
    points = torch.from_numpy(prediction.keypoints_3d)
    camera = optimal_camera(points[..., :2], seen_TJ3[..., :2], (weight_TJ > 0).float())
    camera = torch.where((weight_TJ > 0).any(dim=-1)[:, None], camera, torch.from_numpy(prediction.camera))
    state = _State(matrix_to_rot6d(first_TJ33), first_K.clone(), camera)
    for leaf in state.all():
        leaf.requires_grad_()
    optimiser = torch.optim.Adam(state.all(), config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps)
    for _ in range(config.steps):
        optimiser.zero_grad()
        _energy(state, seen_TJ3, weight_TJ, first_TJ33, first_K, model, config).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return _moved(prediction, state, model)


def _points(state: _State, model: KeypointModel) -> tuple[Tensor, Tensor]:
    rotations = rot6d_to_matrix(state.rot6d_TJ6)
    points, joints = model(rotations, state.betas_K.expand(len(rotations), -1))
    return rotations, points - joints[:, :1]


def _energy(
    state: _State, seen_TJ3: Tensor, weight_TJ: Tensor, first_TJ33: Tensor, first_K: Tensor,
    model: KeypointModel, config: RefineConfig,
) -> Tensor:  # fmt: skip
    rotations, points = _points(state, model)
    away_TJ = (weak_perspective(points, state.camera_T3) - seen_TJ3[..., :2]).abs().sum(dim=-1)
    energy = config.keypoints_2d * (away_TJ * weight_TJ).sum() / weight_TJ.sum()
    energy = energy + config.rotations * (rotations - first_TJ33).square().mean()
    energy = energy + config.betas * (state.betas_K - first_K).square().mean()
    if len(points) > 2:
        energy = energy + config.acceleration * second_difference(points).abs().mean()
        energy = energy + config.camera * second_difference(state.camera_T3[:, None]).abs().mean()
    return energy


@torch.no_grad()
def _moved(before: Prediction, state: _State, model: KeypointModel) -> Prediction:
    rotations, points = _points(state, model)
    after = Pose(rotations.numpy(), points.numpy())
    betas = state.betas_K.expand(len(points), -1).numpy()
    now = Pose(before.rotations, before.keypoints_3d)

    def carried(pose: Pose | None, present: Pose | None) -> Pose | None:
        """`pose`, changed at each joint by what turns `present` into `after`."""
        if pose is None or present is None:
            return None
        turned = np.asarray(pose.rotations @ np.swapaxes(present.rotations, -1, -2) @ after.rotations, np.float32)
        moved, joints = model(torch.from_numpy(turned), torch.from_numpy(betas))
        return Pose(turned, (moved - joints[:, :1]).numpy())

    return Prediction(
        before.tracklet_id, after.rotations, betas, state.camera_T3.numpy(), after.keypoints_3d,
        past=carried(before.past, now), future=carried(before.future, now),
        hallucinated=after if before.hallucinated is not None else None,
        hallucinated_past=carried(before.hallucinated_past, before.hallucinated),
        hallucinated_future=carried(before.hallucinated_future, before.hallucinated),
    )  # fmt: skip
