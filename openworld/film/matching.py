"""Which person of a film a harvested tracklet follows. T frames of the tracklet, F of the film, P people."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

NEAR = 0.35
"""Mean keypoint distance, as a share of the true keypoints' diagonal, up to which a detection is of that person."""
MAJORITY = 0.5
"""Share of a tracklet's frames that must be nearest to one person."""


@dataclass(frozen=True)
class Followed:
    """The person whom a tracklet follows."""

    person: int
    film_frame: npt.NDArray[np.int64]
    """(T) frame of the film; undefined where `valid` is False"""
    valid: npt.NDArray[np.bool_]
    """(T) whether the tracklet's frame shows that person"""


def frames_at(
    pts: npt.NDArray[np.int64], time_base: Fraction, film_pts: npt.NDArray[np.int64], film_time_base: Fraction
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """(T) the film's frame that is shown at each time stamp, and whether one is within half a frame of it."""
    when = pts * float(time_base)
    shown = film_pts * float(film_time_base)
    frame = np.abs(when[:, None] - shown[None]).argmin(1)
    step = float(np.diff(shown).min()) if len(shown) > 1 else 1.0
    return frame, np.abs(when - shown[frame]) < step / 2


def person_distance(
    keypoints: npt.NDArray[np.float32], boxes: npt.NDArray[np.float32], truth: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """(T) distance of a tracklet's keypoints (T, 25, 3) to a person's true ones (T, 25, 3), shares of their diagonal.

    Over the joints that were detected; where none was, between the middles of the box (T, 4) and of the truth.
    """
    low, high = truth[..., :2].min(1), truth[..., :2].max(1)
    diagonal = np.maximum(np.linalg.norm(high - low, axis=1), 1e-6)
    scored = keypoints[..., 2] > 0
    apart = np.linalg.norm(keypoints[..., :2] - truth[..., :2], axis=2)
    by_joints = np.where(scored, apart, 0).sum(1) / np.maximum(scored.sum(1), 1)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    by_box = np.linalg.norm(middle - (low + high) / 2, axis=1)
    return np.asarray(np.where(scored.any(1), by_joints, by_box) / diagonal, np.float64)


def follow(
    distance: npt.NDArray[np.float64], present: npt.NDArray[np.bool_], film_frame: npt.NDArray[np.int64],
    in_time: npt.NDArray[np.bool_],
) -> Followed | None:  # fmt: skip
    """The person who is nearest in more than half of the frames, by distances and presences (P, T), or None.

    A frame that was detected badly keeps its label, or errors would look smaller than they are; a frame in which
    the tracker had slipped to somebody else loses it.
    """
    if not len(distance):
        return None
    reach = np.where(present & in_time, distance, np.inf)
    nearest = np.where(reach.min(0) < NEAR, reach.argmin(0), -1)
    votes = np.array([(nearest == person).sum() for person in range(len(distance))])
    person = int(votes.argmax())
    if votes[person] <= MAJORITY * distance.shape[1]:
        return None
    return Followed(person, film_frame, present[person] & in_time & ((nearest == person) | (nearest == -1)))
