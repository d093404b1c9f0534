"""What a model has to beat: the mean pose, a ridge regression from the feature, and the 2D network's own 3D.

The last comes as it is and smoothed over time: a Gaussian of two frames costs nothing and takes its acceleration error
from about 70 to 12 mm/frame² (docs/LOG.md), so the smoothed one is the fair rival of a temporal model.

None of them sees a test label. Legend: N frames, T frames of a tracklet, D feature, K = 25 keypoints, 3 x y z in m.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from body.joints import KEYPOINTS_25, indices
from evaluation.protocols.definition import Protocol
from evaluation.score import aggregate, score_sequences
from storage.tables import Labels3D

LAMBDAS: tuple[float, ...] = tuple(10.0**power for power in range(-2, 6))
"""Ridge strengths tried on dev, in units of one standardised feature's sum of squares per frame."""

SMOOTHING_FRAMES = 2.0
"""Standard deviation of the Gaussian, in frames of the working rate (25 a second): chosen once on dev films."""

Motions = dict[str, NDArray[np.float32]]
Features = Mapping[str, NDArray[np.float16]]


def mean_pose(labelled: Mapping[str, Labels3D], lengths: Mapping[str, int]) -> Motions:
    """The mean labelled pose about the mid-hip, camera axes, for each tracklet of `lengths` (id to T)."""
    targets = np.concatenate([_targets(label) for label in labelled.values()])
    pose_K3 = np.nanmean(targets, 0).reshape(-1, 3).astype(np.float32)
    return {tracklet_id: np.tile(pose_K3, (length, 1, 1)) for tracklet_id, length in lengths.items()}


def zero_shot(predicted: Mapping[str, NDArray[np.float32]]) -> Motions:
    """The 2D network's own 3D as harvested (`storage.tables.read_zero_shot`), unchanged; NaN where it has none."""
    return dict(predicted)


def zero_shot_smoothed(predicted: Mapping[str, NDArray[np.float32]]) -> Motions:
    """As `zero_shot`, each coordinate smoothed over time by a Gaussian of SMOOTHING_FRAMES.

    Frames without a value stay NaN and weigh nothing in their neighbours.
    """
    return {tracklet_id: _smoothed(points) for tracklet_id, points in predicted.items()}


UNTRAINED: Mapping[str, Callable[[Mapping[str, NDArray[np.float32]]], Motions]] = {
    "zero_shot": zero_shot,
    "zero_shot_smoothed": zero_shot_smoothed,
}
"""Baselines that need no training, by their variant in `scores`."""


def _smoothed(points_TK3: NDArray[np.float32]) -> NDArray[np.float32]:
    known = np.isfinite(points_TK3)
    weight = gaussian_filter1d(known.astype(np.float64), SMOOTHING_FRAMES, axis=0, mode="nearest")
    total = gaussian_filter1d(
        np.where(known, points_TK3, 0.0).astype(np.float64), SMOOTHING_FRAMES, axis=0, mode="nearest"
    )
    return np.where(known, total / np.where(known, weight, 1.0), np.nan).astype(np.float32)


@dataclass(frozen=True)
class Ridge:
    """Linear map from standardised phi to the 25 keypoints about the mid-hip, fitted on single labelled frames."""

    mean: NDArray[np.float64]
    """(D,) of the feature on the labelled frames."""
    scale: NDArray[np.float64]
    """(D,)"""
    weights: NDArray[np.float64]
    """(D, K * 3)"""
    bias: NDArray[np.float64]
    """(K * 3,) m"""
    strength: float

    def predict(self, phi: Features) -> Motions:
        """Tracklet id to (T, K, 3) m about the mid-hip, camera axes."""
        return {tracklet_id: self._one(np.asarray(value, np.float64)) for tracklet_id, value in phi.items()}

    def _one(self, phi_TD: NDArray[np.float64]) -> NDArray[np.float32]:
        flat = (phi_TD - self.mean) / self.scale @ self.weights + self.bias
        return flat.reshape(len(flat), -1, 3).astype(np.float32)


def fit_ridge(phi: Features, labelled: Mapping[str, Labels3D], strengths: Sequence[float] = LAMBDAS) -> list[Ridge]:
    """One `Ridge` for each strength, from every labelled frame whose keypoints are all known.

    A keypoint that no frame labels stays NaN in what the map predicts. ValueError where no frame is labelled.
    """
    phi_ND, target_NK = _labelled_frames(phi, labelled)
    known = np.isfinite(target_NK).any(0)
    rows = np.isfinite(target_NK[:, known]).all(1)
    if not rows.any():
        raise ValueError("ridge: no labelled frame has all of its keypoints and a feature")
    phi_ND, target_NK = phi_ND[rows], target_NK[rows]
    mean_D, scale_D = phi_ND.mean(0), phi_ND.std(0) + 1e-6
    x_ND = (phi_ND - mean_D) / scale_D
    bias = target_NK.mean(0)
    centred = np.where(known, target_NK - bias, 0.0)
    value, basis = np.linalg.eigh(x_ND.T @ x_ND / len(x_ND))
    moment = basis.T @ (x_ND.T @ centred / len(x_ND))
    return [
        Ridge(mean_D, scale_D, basis @ (moment / (np.maximum(value, 0) + s / len(x_ND))[:, None]), bias, s)
        for s in strengths
    ]


def ridge(
    phi: Features,
    labelled: Mapping[str, Labels3D],
    dev_phi: Features,
    dev: Mapping[str, Labels3D],
    protocol: Protocol,
    strengths: Sequence[float] = LAMBDAS,
) -> Ridge:
    """The ridge whose strength gives the least macro PA-MPJPE on the dev films, under `protocol`."""

    def dev_error(candidate: Ridge) -> float:
        scores = score_sequences(candidate.predict(dev_phi), dev, protocol)
        return aggregate(scores)["pa_mpjpe_mm"].macro

    return min(fit_ridge(phi, labelled, strengths), key=dev_error)


def _targets(label: Labels3D) -> NDArray[np.float64]:
    """Valid frames of a label about the mid-hip, (N, K * 3) m."""
    points = np.asarray(label.keypoints_3d, np.float64)[np.asarray(label.valid, bool)]
    hips = indices(("left_hip", "right_hip"), KEYPOINTS_25)
    centred: NDArray[np.float64] = points - points[:, hips].mean(1, keepdims=True)
    return centred.reshape(len(points), -1)


def _labelled_frames(
    phi: Features, labelled: Mapping[str, Labels3D]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Feature (N, D) and target (N, K * 3) of every labelled frame that has a feature."""
    both = [(phi[name], label) for name, label in labelled.items() if name in phi]
    if not both:
        raise ValueError("ridge: no labelled tracklet has this feature")
    features = [np.asarray(value, np.float64)[np.asarray(label.valid, bool)] for value, label in both]
    return np.concatenate(features), np.concatenate([_targets(label) for _, label in both])
