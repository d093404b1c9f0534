"""Places a predicted body in metres in front of a perspective camera, with feet that do not slide where they stand.

The pose is given; only the pelvis's translation in each frame is solved for, over all frames at once. It minimises

    reprojection    keypoints seen in the picture, robust (Huber), by the full perspective camera
    acceleration    people do not jump about: the second difference of the pelvis
    contact         a foot that stands moves not at all between two frames

which is a linear least-squares problem once each keypoint's depth and weight are taken from the iteration before
(iteratively reweighted least squares). A foot stands where its keypoints hardly move in the picture and where it is the
lower one of the two. That assumes a camera that stands still: from a camera that moves, hardly any foot is found
standing, and the contact term has nothing to say.

T frames, J 25 keypoints, F 2 feet (left, right). Camera frame: x right, y down, z forward, metres; px of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_matrix, csr_matrix, vstack
from scipy.sparse.linalg import spsolve

from body.joints import KEYPOINTS_25, indices

Floats = NDArray[np.float64]

FEET: tuple[list[int], list[int]] = (
    indices(("left_ankle", "left_heel", "left_big_toe"), KEYPOINTS_25),
    indices(("right_ankle", "right_heel", "right_big_toe"), KEYPOINTS_25),
)


NEAR_FIRST = 1e-6
"""Weight, 1/m^2, of the first guess: it decides only where nothing was seen."""


@dataclass(frozen=True)
class PlacementConfig:
    """Standard deviations of the terms and thresholds of contact, chosen on dev films (docs/results/model.md)."""

    keypoint_sigma: float = 0.03
    """Standard deviation of a frame's keypoints, as a share of the longer side of the person's box."""
    acceleration_sigma: float = 4.0
    """m/s^2, of each coordinate of the pelvis."""
    contact_sigma: float = 0.004
    """m a frame, of a foot that stands."""
    huber: float = 1.5
    """Residuals beyond so many standard deviations count linearly."""
    contact_speed: float = 0.35
    """m/s in the picture's plane, at the person's depth, below which a foot may stand."""
    contact_depth_speed: float = 0.5
    """m/s towards or away from the camera, below which a foot may stand: the picture hides it, the body shows it."""
    contact_height: float = 0.08
    """m above the lower foot, up to which the other one may stand too."""
    min_score: float = 0.3
    """Keypoints below count for nothing."""
    iterations: int = 6


@dataclass(frozen=True)
class Placement:
    """Where a person is, and which feet stand."""

    pelvis: Floats
    """(T, 3) m, camera frame."""
    contact: NDArray[np.bool_]
    """(T, 2) whether the left and the right foot stands."""


def place(
    points_TJ3: Floats, pixels_TJ3: Floats, first_T3: Floats, focal: float, centre: tuple[float, float],
    seconds_T: Floats, config: PlacementConfig | None = None,
) -> Placement:  # fmt: skip
    """Translation of a body in the camera frame.

    Args:
        points_TJ3: Predicted keypoints, m, pelvis at the origin, camera axes.
        pixels_TJ3: Detected keypoints x, y px and score.
        first_T3: A first guess of the pelvis, m, in front of the camera; it is the answer where nobody was seen at all.
        focal, centre: The camera, px.
        seconds_T: Time of each frame.
    """
    config = config or PlacementConfig()
    seen_TJ = np.isfinite(pixels_TJ3).all(axis=-1) & (np.nan_to_num(pixels_TJ3[..., 2]) >= config.min_score)
    weight_TJ = np.where(seen_TJ, np.nan_to_num(pixels_TJ3[..., 2]), 0.0)
    if not weight_TJ.any():
        return Placement(first_T3, np.zeros((len(points_TJ3), 2), bool))
    rays_TJ2 = np.nan_to_num((pixels_TJ3[..., :2] - np.asarray(centre)) / focal)
    step_s = float(np.median(np.diff(seconds_T))) if len(seconds_T) > 1 else 1.0
    smooth = _acceleration_rows(len(points_TJ3), step_s, config)
    pelvis_T3 = _solve(points_TJ3, rays_TJ2, weight_TJ, first_T3, focal, [smooth], config)
    contact_TF = standing_feet(points_TJ3, pixels_TJ3, pelvis_T3, weight_TJ, focal, step_s, config)
    if not contact_TF.any():
        return Placement(pelvis_T3, contact_TF)
    rows = [smooth, _contact_rows(points_TJ3, contact_TF, config)]
    return Placement(_solve(points_TJ3, rays_TJ2, weight_TJ, pelvis_T3, focal, rows, config), contact_TF)


def standing_feet(
    points_TJ3: Floats, pixels_TJ3: Floats, pelvis_T3: Floats, weight_TJ: Floats, focal: float, step_s: float,
    config: PlacementConfig,
) -> NDArray[np.bool_]:  # fmt: skip
    """(T, 2) whether each foot stands, by its speed in the picture and in depth, and its height against the other's.

    Without the depth, the swinging foot of somebody who walks towards the camera would seem to stand.
    """
    contact = np.zeros((len(points_TJ3), 2), bool)
    if len(points_TJ3) < 3:
        return contact
    height_TF = np.stack([(points_TJ3[:, foot] + pelvis_T3[:, None])[..., 1].mean(axis=1) for foot in FEET], axis=1)
    lowest_T1 = height_TF.max(axis=1, keepdims=True)  # y points down
    for side, foot in enumerate(FEET):
        seen_T = (weight_TJ[:, foot] > 0).all(axis=1)
        place_T2 = np.nan_to_num(pixels_TJ3[:, foot, :2]).mean(axis=1)
        velocity_T2 = np.gradient(place_T2, axis=0) * (pelvis_T3[:, 2:] / focal) / step_s
        speed_T = np.linalg.norm(gaussian_filter1d(velocity_T2, 1.0, axis=0, mode="nearest"), axis=1)
        low_T = lowest_T1[:, 0] - height_TF[:, side] <= config.contact_height
        depth_T = (points_TJ3[:, foot, 2] + pelvis_T3[:, 2:]).mean(axis=1)
        depth_speed_T = np.abs(np.gradient(gaussian_filter1d(depth_T, 2.0, mode="nearest"))) / step_s
        stands_T = (speed_T <= config.contact_speed) & (depth_speed_T <= config.contact_depth_speed)
        contact[:, side] = seen_T & low_T & stands_T
    return contact


def _solve(
    points_TJ3: Floats, rays_TJ2: Floats, weight_TJ: Floats, first_T3: Floats, focal: float,
    rows: list[tuple[csr_matrix, Floats]], config: PlacementConfig,
) -> Floats:  # fmt: skip
    pelvis_T3 = np.asarray(first_T3, np.float64)
    side_T = _box_side(rays_TJ2, weight_TJ)
    for _ in range(config.iterations):
        matrix, target = _reprojection_rows(points_TJ3, rays_TJ2, weight_TJ, pelvis_T3, side_T, config)
        system = vstack([matrix, *[part for part, _ in rows]]).tocsr()
        targets = np.concatenate([target, *[values for _, values in rows]])
        normal = (system.T @ system).tocsc()
        normal.setdiag(normal.diagonal() + NEAR_FIRST)
        pelvis_T3 = np.asarray(spsolve(normal, system.T @ targets + NEAR_FIRST * first_T3.reshape(-1))).reshape(-1, 3)
        pelvis_T3[:, 2] = np.maximum(pelvis_T3[:, 2], 0.3 - points_TJ3[..., 2].min(axis=1))
    return pelvis_T3


def _box_side(rays_TJ2: Floats, weight_TJ: Floats) -> Floats:
    """(T) longer side of the box of the seen keypoints over the focal length; the median where few are seen."""
    sides = np.full(len(rays_TJ2), np.nan)
    for t, (rays_J2, weight_J) in enumerate(zip(rays_TJ2, weight_TJ, strict=True)):
        if (weight_J > 0).sum() >= 4:
            sides[t] = np.ptp(rays_J2[weight_J > 0], axis=0).max()
    typical = np.nanmedian(sides) if np.isfinite(sides).any() else 0.3
    return np.where(np.isfinite(sides), np.maximum(sides, 0.3 * typical), typical)


def _reprojection_rows(
    points_TJ3: Floats, rays_TJ2: Floats, weight_TJ: Floats, pelvis_T3: Floats, side_T: Floats, config: PlacementConfig
) -> tuple[csr_matrix, Floats]:
    """X + t_x = r_x (Z + t_z) for each keypoint and axis, over the depth of the iteration before: residuals are those
    in the picture. The keypoints of a frame share the error of its pose, so all 25 together weigh as much as one."""
    depth_TJ = np.maximum(points_TJ3[..., 2] + pelvis_T3[:, None, 2], 0.2)
    total_T = np.maximum(weight_TJ.sum(axis=1), 1e-9)
    residual_TJ2 = (points_TJ3[..., :2] + pelvis_T3[:, None, :2]) / depth_TJ[..., None] - rays_TJ2
    size_TJ = np.linalg.norm(residual_TJ2, axis=-1) / (config.keypoint_sigma * side_T[:, None])
    robust_TJ = np.minimum(1.0, config.huber / np.maximum(size_TJ, 1e-9))
    scale_TJ = np.sqrt(weight_TJ / total_T[:, None] * robust_TJ) / (config.keypoint_sigma * side_T[:, None] * depth_TJ)
    frames_TJ = np.broadcast_to(np.arange(len(points_TJ3))[:, None], weight_TJ.shape)
    used = weight_TJ > 0
    frames, scale = frames_TJ[used], scale_TJ[used]
    number = np.arange(len(frames))
    entries, columns, row_numbers, targets = [], [], [], []
    for axis in (0, 1):
        ray = rays_TJ2[..., axis][used]
        entries += [scale, -scale * ray]
        columns += [3 * frames + axis, 3 * frames + 2]
        row_numbers += [2 * number + axis] * 2
        targets.append(scale * (ray * points_TJ3[..., 2][used] - points_TJ3[..., axis][used]))
    shape = (2 * len(frames), 3 * len(points_TJ3))
    matrix = coo_matrix((np.concatenate(entries), (np.concatenate(row_numbers), np.concatenate(columns))), shape)
    return matrix.tocsr(), np.stack(targets, axis=1).reshape(-1)


def _acceleration_rows(frames: int, step_s: float, config: PlacementConfig) -> tuple[csr_matrix, Floats]:
    count = max(frames - 2, 0)
    scale = 1.0 / (config.acceleration_sigma * step_s**2)
    middle = np.arange(3 * count)
    entries = np.concatenate([np.full(3 * count, scale), np.full(3 * count, -2 * scale), np.full(3 * count, scale)])
    columns = np.concatenate([middle, middle + 3, middle + 6])
    matrix = coo_matrix((entries, (np.tile(middle, 3), columns)), (3 * count, 3 * frames)).tocsr()
    return matrix, np.zeros(3 * count)


def _contact_rows(
    points_TJ3: Floats, contact_TF: NDArray[np.bool_], config: PlacementConfig
) -> tuple[csr_matrix, Floats]:
    """t[i + 1] - t[i] = foot[i] - foot[i + 1] where a foot stands in both frames."""
    starts, targets = [], []
    for side, foot in enumerate(FEET):
        place_T3 = points_TJ3[:, foot].mean(axis=1)
        both = np.flatnonzero(contact_TF[1:, side] & contact_TF[:-1, side])
        starts.append(both)
        targets.append(place_T3[both] - place_T3[both + 1])
    start_N, target_N3 = np.concatenate(starts), np.concatenate(targets)
    number = np.arange(3 * len(start_N))
    column = (3 * start_N[:, None] + np.arange(3)).reshape(-1)
    scale = np.full(len(number), 1.0 / config.contact_sigma)
    entries, columns = np.concatenate([-scale, scale]), np.concatenate([column, column + 3])
    shape = (len(number), 3 * len(points_TJ3))
    matrix = coo_matrix((entries, (np.tile(number, 2), columns)), shape).tocsr()
    return matrix, target_N3.reshape(-1) / config.contact_sigma
