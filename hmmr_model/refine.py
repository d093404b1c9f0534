"""A prediction moved towards the tracklet's own 2D keypoints, so that the limbs of an overlay lie on limbs.

T frames, J 25 keypoints, K betas. Crop coordinates [-1, 1], metres, camera axes. Like SMPLify (Bogo et al., ECCV 2016),
but started from, and held to, what the network says of depth, and over all frames at once, up to four minutes.

A long tracklet in stretches that overlap, and what was found for each of them joined without a jolt.

T frames of the tracklet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from body.cameras import weak_perspective
from body.keypoints import KeypointModel
from body.rotations import matrix_to_rot6d, rot6d_to_matrix
from hmmr_model.objective import optimal_camera, second_difference
from hmmr_model.predict import Pose, Prediction
from hmmr_model.tracks import in_crop
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
    stretch: int = 6000
    """Frames that are moved at once; a longer tracklet, which would take 18 kB of memory a frame, in stretches."""
    overlap: int = 100
    """Frames that two stretches share."""


@dataclass
class _State:
    """What is moved; leaves of the graph."""

    rot6d_TJ6: Tensor
    betas_K: Tensor
    camera_T3: Tensor

    def all(self) -> list[Tensor]:
        return [self.rot6d_TJ6, self.betas_K, self.camera_T3]


@dataclass(frozen=True)
class _Aim:
    """What a stretch is moved towards, and held to."""

    seen_TJ3: Tensor
    weight_TJ: Tensor
    first_TJ33: Tensor
    first_K: Tensor

    def part(self, place: slice) -> "_Aim":
        return _Aim(self.seen_TJ3[place], self.weight_TJ[place], self.first_TJ33[place], self.first_K)


def refine_lake(
    predictions: Mapping[str, Prediction], lake: Lake, model: KeypointModel, config: RefineConfig | None = None
) -> dict[str, Prediction]:
    """All of them, each with the keypoints of its tracklet in `lake`. `model` is the body that training named."""
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
    aim = _Aim(seen_TJ3, weight_TJ, first_TJ33, torch.from_numpy(prediction.betas).mean(dim=0))
    points = torch.from_numpy(prediction.keypoints_3d)
    camera = optimal_camera(points[..., :2], seen_TJ3[..., :2], (weight_TJ > 0).float())
    camera = torch.where((weight_TJ > 0).any(dim=-1)[:, None], camera, torch.from_numpy(prediction.camera))
    start = _State(matrix_to_rot6d(first_TJ33), aim.first_K.clone(), camera)
    return _moved(prediction, _in_stretches(start, aim, model, config), model, config.stretch)


def _in_stretches(start: _State, aim: _Aim, model: KeypointModel, config: RefineConfig) -> _State:
    """The state moved in stretches. The shape is found in the first one in which anything was seen."""
    places = stretches(len(aim.seen_TJ3), config.stretch, config.overlap)
    found, shape = [], start.betas_K
    shaped = False
    for place in places:
        state = _State(start.rot6d_TJ6[place].clone(), shape.clone(), start.camera_T3[place].clone())
        part = aim.part(place)
        if part.weight_TJ.any():
            _move(state, part, model, config, with_shape=not shaped)
            shape, shaped = state.betas_K.detach(), True
        found.append(state)
    rot6d = joined([state.rot6d_TJ6.detach() for state in found], places, config.overlap)
    return _State(rot6d, shape, joined([state.camera_T3.detach() for state in found], places, config.overlap))


def _move(state: _State, aim: _Aim, model: KeypointModel, config: RefineConfig, *, with_shape: bool) -> None:
    leaves = state.all() if with_shape else [state.rot6d_TJ6, state.camera_T3]
    for leaf in leaves:
        leaf.requires_grad_()
    optimiser = torch.optim.Adam(leaves, config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps)
    for _ in range(config.steps):
        optimiser.zero_grad()
        _energy(state, aim, model, config).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()


def _points(state: _State, model: KeypointModel) -> tuple[Tensor, Tensor]:
    rotations = rot6d_to_matrix(state.rot6d_TJ6)
    points, joints = model(rotations, state.betas_K.expand(len(rotations), -1))
    return rotations, points - joints[:, :1]


def _energy(state: _State, aim: _Aim, model: KeypointModel, config: RefineConfig) -> Tensor:
    rotations, points = _points(state, model)
    away_TJ = (weak_perspective(points, state.camera_T3) - aim.seen_TJ3[..., :2]).abs().sum(dim=-1)
    energy = config.keypoints_2d * (away_TJ * aim.weight_TJ).sum() / aim.weight_TJ.sum()
    energy = energy + config.rotations * (rotations - aim.first_TJ33).square().mean()
    energy = energy + config.betas * (state.betas_K - aim.first_K).square().mean()
    if len(points) > 2:
        energy = energy + config.acceleration * second_difference(points).abs().mean()
        energy = energy + config.camera * second_difference(state.camera_T3[:, None]).abs().mean()
    return energy


@torch.no_grad()
def _moved(before: Prediction, state: _State, model: KeypointModel, at_once: int) -> Prediction:
    rotations = rot6d_to_matrix(state.rot6d_TJ6)

    def posed(rotations: Tensor) -> Pose:
        parts = [model(part, state.betas_K.expand(len(part), -1)) for part in torch.split(rotations, at_once)]
        return Pose(rotations.numpy(), torch.cat([points - joints[:, :1] for points, joints in parts]).numpy())

    after, betas = posed(rotations), state.betas_K.expand(len(rotations), -1).numpy()
    now = Pose(before.rotations, before.keypoints_3d)

    def carried(pose: Pose | None, present: Pose | None) -> Pose | None:
        """`pose`, changed at each joint by what turns `present` into `after`."""
        if pose is None or present is None:
            return None
        turned = np.asarray(pose.rotations @ np.swapaxes(present.rotations, -1, -2) @ after.rotations, np.float32)
        return posed(torch.from_numpy(turned))

    return Prediction(
        before.tracklet_id, after.rotations, betas, state.camera_T3.numpy(), after.keypoints_3d,
        past=carried(before.past, now), future=carried(before.future, now),
        hallucinated=after if before.hallucinated is not None else None,
        hallucinated_past=carried(before.hallucinated_past, before.hallucinated),
        hallucinated_future=carried(before.hallucinated_future, before.hallucinated),
    )  # fmt: skip


def stretches(frames: int, longest: int, overlap: int) -> list[slice]:
    """Slices of about equal length, at most `longest`, that cover all frames; each shares `overlap` with the next.
    One slice where that is enough. ValueError if `longest` is less than three overlaps: three would share a frame."""
    if longest < 3 * overlap or longest < 1:
        raise ValueError(f"stretches of {longest} frames cannot share {overlap} with each neighbour")
    if frames <= longest:
        return [slice(0, frames)]
    count = -(-(frames - overlap) // (longest - overlap))
    step = -(-(frames - overlap) // count)
    return [slice(start, min(start + step + overlap, frames)) for start in range(0, frames - overlap, step)]


def joined(parts: Sequence[Tensor], places: Sequence[slice], overlap: int) -> Tensor:
    """(T, ...) of the values of each stretch. Where two overlap, the share of the second rises along a cosine, so that
    neither place nor speed jumps."""
    whole = torch.empty(places[-1].stop, *parts[0].shape[1:], dtype=parts[0].dtype)
    rise = (1 - torch.cos(torch.pi * torch.arange(1, overlap + 1) / (overlap + 1))) / 2
    for part, place in zip(parts, places, strict=True):
        shared = overlap if place.start else 0
        both = slice(place.start, place.start + shared)
        share = rise[:shared].reshape(-1, *[1] * (part.ndim - 1)).to(part.dtype)
        whole[both] = (1 - share) * whole[both] + share * part[:shared]
        whole[both.stop : place.stop] = part[shared:]
    return whole
