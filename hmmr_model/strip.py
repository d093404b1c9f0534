"""One frame told three times: the picture, the 2D tracklet on it, the predicted body on it.

Legend: T frames, 25 keypoints.
"""

from collections.abc import Sequence
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from body.draw import draw_skeleton
from body.model import BodyModel
from hmmr_model.export.mesh_view import MeshViews, drawn_body
from hmmr_model.export.person_motion import PictureGeometry, person_motion
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
    geometry = PictureGeometry(width, height, Fraction(1, 25))
    drawn = drawn_body(person_motion(prediction, tracklet, geometry, body).now, frame, 0, body)
    views = MeshViews(body, geometry, max_height=height)
    small = cv2.resize(picture, (views.width, views.height), interpolation=cv2.INTER_AREA)
    skeleton = draw_skeleton(picture, tracklet.keypoints[frame])
    skeleton = cv2.resize(skeleton, (views.width, views.height), interpolation=cv2.INTER_AREA)
    return np.hstack([small, skeleton, views.overlay(picture, [drawn])]).astype(np.uint8)


def png_bytes(rows: Sequence[Picture]) -> bytes:
    """The pictures, one below the other and of equal width, as one PNG."""
    stacked = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".png", stacked)
    if not done:
        raise ValueError("the picture could not be written as PNG")
    return encoded.tobytes()
