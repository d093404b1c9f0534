"""Errors of labels as rows of a table: joints, misses, false people, exchanged sides, identity changes, jitter."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25, mirror_permutation
from evaluation.label_quality.matching import Judged, JudgedFilm
from evaluation.label_quality.table import Table, Value, from_rows

NEAR = 0.1
"""A joint within this part of the diagonal is right: 15 px of HMMR's crop, about a hand's length."""
CLEARLY = 0.7
"""Sides are exchanged if the exchange lowers the mean error below this share of it."""
WORTH_SAYING = 0.03
"""Sides are exchanged only if the error was above this: the joints of a person seen from the side fit both ways."""
_MIRROR = mirror_permutation(KEYPOINTS_25)


def joint_row(errors_N: NDArray[np.float64]) -> dict[str, Value]:
    """Median, mean, 95th percentile and share below NEAR of joint errors (N); None for each where N is 0."""
    if not len(errors_N):
        return {"median": None, "mean": None, "95 %": None, "within 0.1": None}
    return {
        "median": float(np.median(errors_N)),
        "mean": float(errors_N.mean()),
        "95 %": float(np.percentile(errors_N, 95)),
        "within 0.1": float((errors_N < NEAR).mean()),
    }


def error_row(films: Sequence[JudgedFilm]) -> dict[str, Value]:
    """Errors of the visible joints, and the share of frames with left and right exchanged."""
    tracks = [track for film in films for track in film.tracks]
    return {**joint_row(errors_of(tracks)), "sides exchanged": swapped_share(tracks)}


def film_row(films: Sequence[JudgedFilm]) -> dict[str, Value]:
    """`error_row` with the number of person-frames, the share missed, the false detections and identity changes."""
    people = sum(film.person_frames for film in films)
    return {
        "films": len(films),
        "person-frames": people,
        "missed": sum(film.missed for film in films) / people if people else None,
        "false people": sum(film.false for film in films),
        **error_row(films),
        "identity changes": sum(film.identity_changes for film in films),
    }


def errors_of(tracks: Iterable[Judged]) -> NDArray[np.float64]:
    """Errors (N) of all joints that count, in diagonals of the person's box."""
    parts = [track.errors[track.counted] for track in tracks]
    return np.concatenate([np.zeros(0), *parts])


def swapped_share(tracks: Iterable[Judged]) -> float | None:
    """Share of frames whose joints fit the truth clearly better with left and right exchanged (CLEARLY).

    None where no frame shows enough joints to decide.
    """
    parts = [swapped_frames(track) for track in tracks]
    exchanged = np.concatenate([np.zeros(0, bool), *[swapped[decides] for swapped, decides in parts]])
    return float(exchanged.mean()) if len(exchanged) else None


def limb_swaps(track: Judged) -> NDArray[np.bool_]:
    """Whether (T) left and right of the arms, of the legs or of all joints are exchanged."""
    swapped_T, _ = swapped_frames(track)
    for words in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")):
        swapped_T |= swapped_frames(track, [name.endswith(words) for name in KEYPOINTS_25], least=4)[0]
    return swapped_T


def swapped_frames(
    track: Judged, among: Sequence[bool] = (True,) * len(KEYPOINTS_25), least: int = 6
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether (T) sides are exchanged, and whether (T) the frame can decide that.

    A frame decides where at least `least` of the joints marked in `among` (25) are visible together with their
    mirror joints.
    """
    both_TJ = track.counted & track.counted[:, _MIRROR] & np.array(among)
    decides_T = both_TJ.sum(axis=1) >= least
    count_T = np.maximum(both_TJ.sum(axis=1), 1)
    plain_T = np.where(both_TJ, track.errors, 0).sum(axis=1) / count_T
    other_T = np.where(both_TJ, track.exchanged_TJ, 0).sum(axis=1) / count_T
    return decides_T & (other_T < CLEARLY * plain_T) & (plain_T > WORTH_SAYING), decides_T


def acceleration_errors(tracks: Iterable[Judged]) -> NDArray[np.float64]:
    """Acceleration errors (N): length of the second difference over frames of each joint's offset from the truth.

    Taken over joints that count in three consecutive frames of one person, in diagonals per frame squared.
    """
    parts = [np.zeros(0)]
    for track in tracks:
        second = np.diff(track.offset_TJ2, n=2, axis=0)
        counts_TJ, person_T, frame_T = track.counted, track.who_T, track.track.frames_T
        steady_T = (person_T[2:] == person_T[1:-1]) & (person_T[1:-1] == person_T[:-2]) & (np.diff(frame_T, n=2) == 0)
        counted_TJ = counts_TJ[2:] & counts_TJ[1:-1] & counts_TJ[:-2] & steady_T[:, None]
        parts.append(np.hypot(second[..., 0], second[..., 1])[counted_TJ])
    return np.concatenate(parts)


def joint_table(films: Sequence[JudgedFilm], note: str) -> Table:
    """One row for each joint that the labels have, by descending mean error, then a row for all joints."""
    tracks = [track for film in films for track in film.tracks]
    rows = {}
    for name, slots in joint_groups().items():
        errors = np.concatenate([np.zeros(0), *[t.errors[:, slots][t.counted[:, slots]] for t in tracks]])
        scores = np.concatenate([np.zeros(0), *[t.track.joints_TJ3[:, slots, 2][t.counted[:, slots]]
                                                for t in tracks]])  # fmt: skip
        if len(errors):
            rows[name] = {"joints": len(errors), **joint_row(errors), "mean score": float(scores.mean())}
    ordered = dict(sorted(rows.items(), key=lambda item: -float(item[1]["mean"] or 0)))
    every = errors_of(tracks)
    ordered["all"] = {"joints": len(every), **joint_row(every)}
    return from_rows("joints", "Each joint", note, ordered, of="joint", bar="mean")


def joint_groups() -> dict[str, list[int]]:
    """Indices of the 25 keypoints, grouped by their names without left or right."""
    groups: dict[str, list[int]] = {}
    for slot, name in enumerate(KEYPOINTS_25):
        groups.setdefault(name.removeprefix("left_").removeprefix("right_").replace("_", " "), []).append(slot)
    return groups
