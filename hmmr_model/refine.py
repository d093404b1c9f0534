"""Refinement: moves a predicted body onto the tracklet's own 2D keypoints, so that the mesh lies on the person.

It minimises one energy over all frames of a tracklet with Adam, as SMPLify does frame by frame (Bogo et al., ECCV
2016). The start is the network's prediction; the energy also holds the body near that prediction and, where the 2D
network gives 3D keypoints of its own, near these, smoothed over time. Weights were chosen on dev films
(docs/results/model.md).

T frames, J 25 keypoints, K betas. Crop coordinates [-1, 1] (x right, y down), metres, camera axes (x right, y down, z
forward). Tracklets of more than `stretch` frames are refined in stretches that overlap and are blended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from body.cameras import assumed_focal, perspective, to_crop, weak_perspective, weak_to_translation
from body.keypoints import KeypointModel
from body.rotations import matrix_to_rot6d, rot6d_to_matrix
from hmmr_model.adam import minimise
from hmmr_model.objective import HIPS, optimal_camera, second_difference
from hmmr_model.predict import Pose, Prediction
from hmmr_model.tracks import in_crop
from storage.lake import LakeReader
from storage.tables import TrackletArrays, iter_tracklets, read_zero_shot

NEAREST_M = 0.2
"""No point is nearer to the camera, m: behind it there is no projection."""


@dataclass(frozen=True)
class RefineConfig:
    """Steps, learning rate and the weights of the energy's terms."""

    steps: int = 150
    learning_rate: float = 0.02
    keypoints_2d: float = 60.0
    """On the mean absolute distance, crop units, of keypoints weighted by their score."""
    own_3d: float = 10.0
    """On the mean absolute difference, m, of keypoints about the mid-hip from the 2D network's own 3D; 0 leaves it."""
    own_3d_smoothing: float = 2.0
    """Standard deviation, frames, of the Gaussian that smooths the 2D network's own 3D over time."""
    rotations: float = 200.0
    """On the mean squared difference of rotation matrices from the network's, smoothed over time."""
    start_smoothing: float = 2.0
    """Standard deviation, frames, of the Gaussian that smooths the network's rotations, from which it starts."""
    root: float = 600.0
    """On the mean squared second difference of the root's rotation matrix, per frame^2."""
    acceleration: float = 150.0
    """On the keypoints' mean absolute second difference, m/frame^2."""
    camera: float = 60.0
    """On that of scale and shift."""
    betas: float = 1.0
    """On the mean squared difference from the network's."""
    perspective: bool = True
    """Whether the picture is drawn by a perspective camera where one is given; else by weak perspective in the crop."""
    min_score: float = 0.3
    """Keypoints below count for nothing."""
    stretch: int = 6000
    """Frames that are refined at once; a longer tracklet, which would take 18 kB of memory a frame, in stretches."""
    overlap: int = 100
    """Frames that two stretches share."""


@dataclass(frozen=True)
class View:
    """The perspective camera that the picture was taken with: px of the picture that boxes and keypoints are in."""

    focal: float
    centre: tuple[float, float]

    @classmethod
    def of_picture(cls, width: int, height: int, focal: float | None = None) -> View:
        """A camera that looks through the picture's middle; without `focal`, the assumed one (body/cameras.py)."""
        return cls(assumed_focal(width, height) if focal is None else focal, (width / 2, height / 2))


def refine_lake(
    predictions: Mapping[str, Prediction],
    lake: LakeReader,
    model: KeypointModel,
    config: RefineConfig | None = None,
    *,
    phi_name: str | None = None,
    focal: float | None = None,
) -> dict[str, Prediction]:
    """Refines every prediction with its tracklet's 2D keypoints and the 2D network's own 3D, both read from `lake`.

    `model` is the body that the network was trained with, `phi_name` the φ that it read: the own 3D is the one that
    came with it. `focal` is the camera's, px, where it is known.
    """
    config = config or RefineConfig()
    own_3d = read_zero_shot(lake, list(predictions), phi_name) if config.own_3d else {}
    among = pc.field("tracklet_id").isin(pa.array(list(predictions), pa.string()))
    rows = lake.read("tracklets", ["tracklet_id", "width", "height"], among).to_pylist()
    views = {row["tracklet_id"]: View.of_picture(row["width"], row["height"], focal) for row in rows}
    return {
        tracklet.tracklet_id: refine(
            predictions[tracklet.tracklet_id], tracklet, model, config, own_3d.get(tracklet.tracklet_id),
            views[tracklet.tracklet_id],
        )
        for tracklet in iter_tracklets(lake, list(predictions))
    }  # fmt: skip


def refine(
    prediction: Prediction,
    tracklet: TrackletArrays,
    model: KeypointModel,
    config: RefineConfig,
    own_3d: NDArray[np.float32] | None = None,
    view: View | None = None,
) -> Prediction:
    """The prediction with refined rotations, betas, camera and keypoints_3d; the poses of the other heads follow.

    `own_3d` (T, 25, 3) m, camera axes, is the 2D network's own 3D; joints that it lacks are NaN. `view` is the camera;
    without it the weak perspective inside the crop is used, which is wrong where a person is near. Past and future keep
    their change from the present, which is nearer to the truth than the network's own (docs/LOG.md). One shape for the
    whole tracklet. Deterministic. Returns `prediction` itself if no keypoint has `min_score`.
    """
    seen_TJ3 = torch.from_numpy(in_crop(tracklet.keypoints, tracklet.boxes))
    weight_TJ = seen_TJ3[..., 2] * (seen_TJ3[..., 2] >= config.min_score)
    if not weight_TJ.any():
        return prediction
    network_TJ33 = smoothed_rotations(torch.from_numpy(prediction.rotations), config.start_smoothing)
    own_TJ3, own_weight_TJ = smoothed_own_3d(own_3d, len(seen_TJ3), config.own_3d_smoothing)
    targets = _Targets(
        seen_TJ3=seen_TJ3, weight_TJ=weight_TJ, network_TJ33=network_TJ33,
        network_K=torch.from_numpy(prediction.betas).mean(dim=0), own_TJ3=own_TJ3, own_weight_TJ=own_weight_TJ,
        boxes_T4=torch.from_numpy(tracklet.boxes.copy()), view=view if config.perspective else None,
    )  # fmt: skip
    points = torch.from_numpy(prediction.keypoints_3d)
    camera = optimal_camera(points[..., :2], seen_TJ3[..., :2], (weight_TJ > 0).float())
    camera = torch.where((weight_TJ > 0).any(dim=-1)[:, None], camera, torch.from_numpy(prediction.camera))
    start = _State(matrix_to_rot6d(network_TJ33), targets.network_K.clone(), camera)
    return _with_state(prediction, _refine_stretches(start, targets, model, config), model, config.stretch)


def smoothed_own_3d(own_3d: NDArray[np.float32] | None, frames: int, smoothing: float) -> tuple[Tensor, Tensor]:
    """The 2D network's own 3D about its mid-hip (T, J, 3), smoothed over time, and 1 where a joint has one (T, J)."""
    if own_3d is None:
        return torch.zeros(frames, 25, 3), torch.zeros(frames, 25)
    known_TJ: NDArray[np.bool_] = np.asarray(np.isfinite(own_3d).all(axis=-1))
    known_TJ = known_TJ & known_TJ[:, list(HIPS)].all(axis=1, keepdims=True)
    points_TJ3 = np.where(known_TJ[..., None], own_3d, 0.0)
    points_TJ3 = points_TJ3 - points_TJ3[:, list(HIPS)].mean(axis=1, keepdims=True)
    weight_TJ1 = known_TJ[..., None].astype(np.float64)
    if smoothing > 0:  # normalised by the filtered weight, so that a gap does not pull its neighbours to the origin
        share_TJ1 = gaussian_filter1d(weight_TJ1, smoothing, axis=0, mode="nearest")
        filtered = gaussian_filter1d(points_TJ3 * weight_TJ1, smoothing, axis=0, mode="nearest")
        points_TJ3 = filtered / np.maximum(share_TJ1, 1e-9)
    return torch.from_numpy(points_TJ3.astype(np.float32)), torch.from_numpy(known_TJ.astype(np.float32))


def smoothed_rotations(rotations_TJ33: Tensor, smoothing: float) -> Tensor:
    """Rotations (T, J, 3, 3) averaged over time by a Gaussian of `smoothing` frames; 0 leaves them as they are."""
    if smoothing <= 0:
        return rotations_TJ33
    mean_TJ33 = gaussian_filter1d(rotations_TJ33.numpy(), smoothing, axis=0, mode="nearest")
    return rot6d_to_matrix(matrix_to_rot6d(torch.from_numpy(mean_TJ33)))


@dataclass
class _State:
    """The variables of the minimisation."""

    rot6d_TJ6: Tensor
    betas_K: Tensor
    camera_T3: Tensor


@dataclass(frozen=True)
class _Targets:
    """The detected keypoints and network outputs with which the energy compares the body."""

    seen_TJ3: Tensor
    weight_TJ: Tensor
    network_TJ33: Tensor
    network_K: Tensor
    own_TJ3: Tensor
    own_weight_TJ: Tensor
    boxes_T4: Tensor
    view: View | None

    def part(self, place: slice) -> _Targets:
        """The same of some frames."""
        return _Targets(
            seen_TJ3=self.seen_TJ3[place], weight_TJ=self.weight_TJ[place], network_TJ33=self.network_TJ33[place],
            network_K=self.network_K, own_TJ3=self.own_TJ3[place], own_weight_TJ=self.own_weight_TJ[place],
            boxes_T4=self.boxes_T4[place], view=self.view,
        )  # fmt: skip


def _refine_stretches(start: _State, targets: _Targets, model: KeypointModel, config: RefineConfig) -> _State:
    """The refined state. The first stretch in which a keypoint was seen also fits the shape; the others keep it."""
    places = stretches(len(targets.seen_TJ3), config.stretch, config.overlap)
    states, shape = [], start.betas_K
    fit_shape = True
    for place in places:
        state = _State(start.rot6d_TJ6[place].clone(), shape.clone(), start.camera_T3[place].clone())
        part = targets.part(place)
        if part.weight_TJ.any():
            _minimise(state, part, model, config, fit_shape=fit_shape)
            shape, fit_shape = state.betas_K.detach(), False
        states.append(state)
    rot6d = blend_stretches([state.rot6d_TJ6.detach() for state in states], places, config.overlap)
    camera = blend_stretches([state.camera_T3.detach() for state in states], places, config.overlap)
    return _State(rot6d, shape, camera)


def _minimise(state: _State, targets: _Targets, model: KeypointModel, config: RefineConfig, *, fit_shape: bool) -> None:
    leaves = [state.rot6d_TJ6, state.camera_T3]
    if fit_shape:
        leaves.insert(1, state.betas_K)
    minimise(lambda: _energy(state, targets, model, config), leaves, config.learning_rate, config.steps)


def _energy(state: _State, targets: _Targets, model: KeypointModel, config: RefineConfig) -> Tensor:
    rotations = rot6d_to_matrix(state.rot6d_TJ6)
    points, joints = model(rotations, state.betas_K.expand(len(rotations), -1))
    points = points - joints[:, :1]
    away_TJ = (_projected(points, state.camera_T3, targets) - targets.seen_TJ3[..., :2]).abs().sum(dim=-1)
    energy = config.keypoints_2d * (away_TJ * targets.weight_TJ).sum() / targets.weight_TJ.sum()
    energy = energy + config.rotations * (rotations - targets.network_TJ33).square().mean()
    energy = energy + config.betas * (state.betas_K - targets.network_K).square().mean()
    if config.own_3d and targets.own_weight_TJ.any():
        about_hips = points - points[:, list(HIPS)].mean(dim=1, keepdim=True)
        difference_TJ = (about_hips - targets.own_TJ3).abs().mean(dim=-1)
        share = (difference_TJ * targets.own_weight_TJ).sum() / targets.own_weight_TJ.sum()
        energy = energy + config.own_3d * share
    if len(points) > 2:
        energy = energy + config.acceleration * second_difference(points).abs().mean()
        energy = energy + config.camera * second_difference(state.camera_T3[:, None]).abs().mean()
        if config.root:
            energy = energy + config.root * second_difference(rotations[:, 0]).square().mean()
    return energy


def _projected(points: Tensor, camera_T3: Tensor, targets: _Targets) -> Tensor:
    """Crop coordinates (T, J, 2) of points about the pelvis, which the camera (s, tx, ty) puts before the view."""
    if targets.view is None:
        return weak_perspective(points, camera_T3)
    centre_2 = torch.tensor(targets.view.centre)
    translation_T3 = weak_to_translation(camera_T3, targets.boxes_T4, targets.view.focal, centre_2)
    placed = points + translation_T3[:, None]
    nearest = torch.cat([placed[..., :2], placed[..., 2:].clamp_min(NEAREST_M)], dim=-1)
    return to_crop(perspective(nearest, targets.view.focal, centre_2), targets.boxes_T4)


@torch.no_grad()
def _with_state(before: Prediction, state: _State, model: KeypointModel, at_once: int) -> Prediction:
    rotations = rot6d_to_matrix(state.rot6d_TJ6)

    def posed(rotations: Tensor) -> Pose:
        parts = [model(part, state.betas_K.expand(len(part), -1)) for part in torch.split(rotations, at_once)]
        return Pose(rotations.numpy(), torch.cat([points - joints[:, :1] for points, joints in parts]).numpy())

    after, betas = posed(rotations), state.betas_K.expand(len(rotations), -1).numpy()
    now = Pose(before.rotations, before.keypoints_3d)

    def carried(pose: Pose | None, present: Pose | None) -> Pose | None:
        """`pose`, turned at each joint by what turns `present` into `after`."""
        if pose is None or present is None:
            return None
        turned = np.asarray(pose.rotations @ np.swapaxes(present.rotations, -1, -2) @ after.rotations, np.float32)
        return posed(torch.from_numpy(turned))

    return Prediction(
        tracklet_id=before.tracklet_id, rotations=after.rotations, betas=betas, camera=state.camera_T3.numpy(),
        keypoints_3d=after.keypoints_3d, past=carried(before.past, now), future=carried(before.future, now),
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


def blend_stretches(parts: Sequence[Tensor], places: Sequence[slice], overlap: int) -> Tensor:
    """(T, ...) of the values of each stretch. Where two overlap, the share of the second rises along a cosine, so that
    neither place nor speed jumps."""
    blended = torch.empty(places[-1].stop, *parts[0].shape[1:], dtype=parts[0].dtype)
    rise = (1 - torch.cos(torch.pi * torch.arange(1, overlap + 1) / (overlap + 1))) / 2
    for part, place in zip(parts, places, strict=True):
        shared = overlap if place.start else 0
        overlap_at = slice(place.start, place.start + shared)
        share = rise[:shared].reshape(-1, *[1] * (part.ndim - 1)).to(part.dtype)
        blended[overlap_at] = (1 - share) * blended[overlap_at] + share * part[:shared]
        blended[overlap_at.stop : place.stop] = part[shared:]
    return blended
