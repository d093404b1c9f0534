"""Predicted people put in front of the camera: everything that is written to files about one tracklet.

Camera frame: x right, y down, z forward, metres. T frames, 24 joints, 25 keypoints.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from body.cameras import assumed_focal, from_crop, weak_perspective, weak_to_translation
from body.joints import KEYPOINTS_25, LIMBS_12, indices
from body.model import BodyModel
from body.rotations import matrix_to_axis_angle
from hmmr_model.export.placement import place
from hmmr_model.predict import Floats, Pose, Prediction
from storage.lake import Lake
from storage.tables import TrackletArrays, iter_tracklets

LIMBS = indices(LIMBS_12, KEYPOINTS_25)


@dataclass(frozen=True)
class PlacedPose:
    """A body at every frame, with its place in the camera frame and in the picture."""

    rotations: Floats
    """(T, 24, 3, 3), root in camera axes."""
    betas: Floats
    """(T, 10)."""
    camera: Floats
    """(T, 3) weak perspective s, tx, ty in the crop."""
    translation: Floats
    """(T, 3) m: what a body model adds to its vertices, so that the camera sees them where the crop says."""
    joints: Floats
    """(T, 24, 3) m."""
    keypoints_3d: Floats
    """(T, 25, 3) m."""
    keypoints_2d: Floats
    """(T, 25, 2) px of the frame, by the weak-perspective camera, which is what the network was trained to match."""

    @property
    def poses(self) -> Floats:
        """(T, 72) axis-angle."""
        axis_angle = matrix_to_axis_angle(torch.from_numpy(self.rotations))
        return np.asarray(axis_angle.flatten(1).numpy(), np.float32)


@dataclass(frozen=True)
class PictureGeometry:
    """What a tracklet's arrays do not say about its video: size in px, and seconds per unit of pts."""

    width: int
    height: int
    time_base: Fraction
    known_focal: float | None = None
    """Focal length in px, where somebody knows it."""

    @property
    def focal(self) -> float:
        """Focal length in px: the known one, else an assumption (body/cameras.py)."""
        return assumed_focal(self.width, self.height) if self.known_focal is None else self.known_focal

    @property
    def centre(self) -> tuple[float, float]:
        """The principal point in px: the middle of the picture."""
        return self.width / 2, self.height / 2


@dataclass(frozen=True)
class PersonMotion:
    """One person through T frames. `past` and `future` are predicted at frame t for t - 5 and t + 5; Δ heads have no
    camera, so they stand where the body of frame t stands."""

    tracklet_id: str
    fps: float
    frame_index: NDArray[np.int32]
    pts: NDArray[np.int64]
    geometry: PictureGeometry
    now: PlacedPose
    contact: NDArray[np.bool_]
    """(T, 2) whether the left and the right foot stands on the ground."""
    confidence: Floats
    """(T) mean score, 0 to 1, of the 12 limb keypoints that the 2D network gave."""
    bridged: NDArray[np.bool_]
    """(T) True where the person was not detected and the keypoints were filled in between neighbours."""
    past: PlacedPose | None = None
    future: PlacedPose | None = None
    clock_start: int | None = None
    """PTS that is second 0: that of the first frame of all people of a clip. None: of this person's first frame."""

    @property
    def seconds(self) -> NDArray[np.float64]:
        """(T) since `clock_start`, by the stream's own clock."""
        start = self.pts[0] if self.clock_start is None else self.clock_start
        return np.asarray((self.pts - start) * float(self.geometry.time_base), np.float64)


_ORDER = ("source_id", "shot_index", "person_index")
_COLUMNS = (*_ORDER, "tracklet_id", "width", "height", "time_base_num", "time_base_den")


def people_of_lake(
    predictions: Mapping[str, Prediction], lake: Lake, body: BodyModel, focal: float | None = None
) -> list[PersonMotion]:
    """Every predicted tracklet, placed; in the order of shots, and of people within a shot."""
    wanted = pc.field("tracklet_id").isin(pa.array(list(predictions), pa.string()))
    table = lake.read("tracklets", _COLUMNS, wanted).sort_by([(name, "ascending") for name in _ORDER])
    tracklets = {tracklet.tracklet_id: tracklet for tracklet in iter_tracklets(lake, list(predictions))}
    return [
        person_motion(
            predictions[row["tracklet_id"]],
            tracklets[row["tracklet_id"]],
            PictureGeometry(row["width"], row["height"], Fraction(row["time_base_num"], row["time_base_den"]), focal),
            body,
        )
        for row in table.to_pylist()
    ]


def person_motion(
    prediction: Prediction, tracklet: TrackletArrays, geometry: PictureGeometry, body: BodyModel
) -> PersonMotion:
    """Place every pose of a prediction in the camera frame (placement.py).

    A photograph (one frame) takes present, past and future of the hallucinator.
    """
    now, past, future = Pose(prediction.rotations, prediction.keypoints_3d), prediction.past, prediction.future
    if len(tracklet.pts) == 1 and prediction.hallucinated is not None:
        now, past, future = prediction.hallucinated, prediction.hallucinated_past, prediction.hallucinated_future

    camera, boxes = torch.from_numpy(prediction.camera), torch.tensor(tracklet.boxes)
    first_T3 = weak_to_translation(camera, boxes, geometry.focal, torch.tensor(geometry.centre)).double().numpy()
    seconds_T = (tracklet.pts - tracklet.pts[0]) * float(geometry.time_base)
    points_TJ3, pixels_TJ3 = now.keypoints_3d.astype(np.float64), tracklet.keypoints.astype(np.float64)
    placement = place(points_TJ3, pixels_TJ3, first_T3, geometry.focal, geometry.centre, seconds_T)
    pelvis_T3 = torch.from_numpy(placement.pelvis).float()

    def placed(pose: Pose) -> PlacedPose:
        return _placed_pose(pose, prediction, tracklet, pelvis_T3, body)

    return PersonMotion(
        tracklet_id=tracklet.tracklet_id,
        fps=tracklet.fps,
        frame_index=tracklet.frame_index,
        pts=tracklet.pts,
        geometry=geometry,
        now=placed(now),
        contact=placement.contact,
        confidence=np.nan_to_num(tracklet.keypoints[:, LIMBS, 2]).mean(axis=1),
        bridged=~tracklet.observed,
        past=placed(past) if past else None,
        future=placed(future) if future else None,
    )


@torch.no_grad()
def _placed_pose(
    pose: Pose, prediction: Prediction, tracklet: TrackletArrays, pelvis_T3: torch.Tensor, body: BodyModel
) -> PlacedPose:
    rotations, betas = torch.from_numpy(pose.rotations), torch.from_numpy(prediction.betas)
    camera, box = torch.from_numpy(prediction.camera), torch.tensor(tracklet.boxes)
    points = torch.from_numpy(pose.keypoints_3d)
    # Predicted points have the pelvis at their origin; a body model's own origin may lie elsewhere (SMPL's does).
    translation_T3 = pelvis_T3 - body.rest_joints(betas)[:, 0]
    arrays = {
        "rotations": rotations,
        "betas": betas,
        "camera": camera,
        "translation": translation_T3,
        "joints": body.joints(rotations, betas) + translation_T3[:, None],
        "keypoints_3d": points + pelvis_T3[:, None],
        "keypoints_2d": from_crop(weak_perspective(points, camera), box),
    }
    return PlacedPose(**{name: np.asarray(values.float().numpy(), np.float32) for name, values in arrays.items()})
