"""One photograph told as a strip: past, present and future of the hallucinator, over the pixels and from the side."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from body.model import BodyModel
from hmmr_model.export.mesh_view import MeshViews, Picture, drawn_body
from hmmr_model.export.person_motion import PersonMotion
from storage.atomic import write_atomically


def photo_strip(picture: Picture, people: Sequence[PersonMotion], body: BodyModel, max_height: int = 720) -> Picture:
    """RGB (2 H, 3 W, 3): columns are 5 frames before, now and 5 frames after, rows the overlay and the side view.

    Past and future have no camera of their own: their pelvis stays where the present one is. A model without a
    hallucinator has neither, and the strip has one column.
    """
    if not people:
        raise ValueError("nobody was predicted: there is nothing to draw")
    views = MeshViews(body, people[0].geometry, max_height)
    columns = []
    for when in ("past", "now", "future"):
        poses = [(number, getattr(person, when)) for number, person in enumerate(people)]
        bodies = [drawn_body(pose, 0, number, body) for number, pose in poses if pose is not None]
        if not bodies:
            continue
        columns.append(np.vstack([views.overlay(picture, bodies), views.side(bodies)]))
    return np.hstack(columns)


def write_photo_strip(picture: Picture, people: Sequence[PersonMotion], body: BodyModel, path: Path) -> Path:
    """Write the strip as PNG, whole or not at all."""
    done, encoded = cv2.imencode(".png", cv2.cvtColor(photo_strip(picture, people, body), cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError(f"{path}: the strip could not be written as PNG")
    return write_atomically(path, encoded.tobytes())
