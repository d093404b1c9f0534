"""One frame told three times: the picture, the 2D tracklet on it, the predicted body on it.

Legend: T frames, 25 keypoints, V vertices.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from body.cameras import assumed_focal, weak_to_translation
from body.draw import draw_mesh_overlay, draw_skeleton
from body.model import BodyModel
from hmmr_model.prediction import Prediction
from storage.tables import TrackletArrays

Picture = NDArray[np.uint8]


def told_three_times(
    picture: Picture, tracklet: TrackletArrays, prediction: Prediction, frame: int, body: BodyModel
) -> Picture:
    """RGB (H, 3 W, 3): the frame, the tracklet's keypoints on it, and the mesh of `prediction` at index `frame`.

    `picture` is the source frame tracklet.frame_index[frame]. The mesh is put where the predicted weak-perspective
    camera says, with the assumed focal length of body/cameras.py.
    """
    height, width = picture.shape[:2]
    focal, centre = assumed_focal(width, height), (width / 2, height / 2)
    vertices_V3 = place_mesh(prediction, frame, torch.tensor(tracklet.boxes[frame]), focal, centre, body)
    return np.hstack(
        [
            picture,
            draw_skeleton(picture, tracklet.keypoints[frame]),
            draw_mesh_overlay(picture, vertices_V3, body.faces, focal, centre),
        ]
    )


def place_mesh(
    prediction: Prediction,
    frame: int,
    box: torch.Tensor,
    focal: float,
    centre: tuple[float, float],
    body: BodyModel,
) -> NDArray[np.float32]:
    """Vertices (V, 3) m in the camera frame of one predicted frame; box (4,) px, focal and centre in px."""
    with torch.no_grad():
        vertices, joints = body(
            torch.from_numpy(prediction.rotations[frame : frame + 1]),
            torch.from_numpy(prediction.betas[frame : frame + 1]),
        )
        shift = weak_to_translation(torch.from_numpy(prediction.camera[frame]), box, focal, torch.tensor(centre))
    placed: NDArray[np.float32] = (vertices[0] - joints[0, :1] + shift).numpy()
    return placed


def png_bytes(rows: Sequence[Picture]) -> bytes:
    """The pictures, one below the other and of equal width, as one PNG."""
    stacked = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".png", stacked)
    if not done:
        raise ValueError("the picture could not be written as PNG")
    return encoded.tobytes()
