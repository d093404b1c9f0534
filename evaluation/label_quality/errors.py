"""How wrong labels are, in one row: joints, misses, false people, exchanged sides, changed identities, jitter."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from body.joints import KEYPOINTS_25, mirror_permutation
from evaluation.label_quality.matching import Judged, JudgedFilm
from evaluation.label_quality.table import Value

NEAR = 0.1
"""A joint within this part of the diagonal is right: 15 px of HMMR's crop, about a hand's length."""
CLEARLY = 0.7
"""Sides are exchanged if that makes the mean error less than this part of it."""
WORTH_SAYING = 0.03
"""And if the error was over this: a person seen from the side fits both ways."""
_MIRROR = mirror_permutation(KEYPOINTS_25)


def joint_row(errors_N: NDArray[np.float64]) -> dict[str, Value]:
    """Median, mean, 95th percentile and share within NEAR; all None of nothing."""
    if not len(errors_N):
        return {"median": None, "mean": None, "95 %": None, "within 0.1": None}
    return {
        "median": float(np.median(errors_N)),
        "mean": float(errors_N.mean()),
        "95 %": float(np.percentile(errors_N, 95)),
        "within 0.1": float((errors_N < NEAR).mean()),
    }


def error_row(films: Sequence[JudgedFilm]) -> dict[str, Value]:
    """Errors of visible joints, and the share of frames with exchanged sides."""
    tracks = [track for film in films for track in film.tracks]
    return {**joint_row(errors_of(tracks)), "sides exchanged": swapped_share(tracks)}


def film_row(films: Sequence[JudgedFilm]) -> dict[str, Value]:
    """`error_row` after what was there, what of it was missed, and what was labelled that is not there."""
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
    """(N) errors of all counted joints."""
    parts = [track.errors[track.counted] for track in tracks]
    return np.concatenate([np.zeros(0), *parts])


def swapped_share(tracks: Iterable[Judged]) -> float | None:
    """Share of frames whose joints fit clearly better with left and right exchanged; None if no frame can tell."""
    parts = [swapped_frames(track) for track in tracks]
    found = np.concatenate([np.zeros(0, bool), *[swapped[told] for swapped, told in parts]])
    return float(found.mean()) if len(found) else None


def limb_swaps(track: Judged) -> NDArray[np.bool_]:
    """(T) whether the sides of the arms, of the legs or of all joints are exchanged."""
    swapped_T, _ = swapped_frames(track)
    for words in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")):
        swapped_T |= swapped_frames(track, [name.endswith(words) for name in KEYPOINTS_25], least=4)[0]
    return swapped_T


def swapped_frames(
    track: Judged, among: Sequence[bool] = (True,) * len(KEYPOINTS_25), least: int = 6
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(T) whether sides are exchanged, and (T) whether enough joints show to tell: `least` with their mirror images,
    of the joints (25) `among` which it is asked."""
    both_TJ = track.counted & track.counted[:, _MIRROR] & np.array(among)
    told_T = both_TJ.sum(axis=1) >= least
    count_T = np.maximum(both_TJ.sum(axis=1), 1)
    plain_T = np.where(both_TJ, track.errors, 0).sum(axis=1) / count_T
    other_T = np.where(both_TJ, track.exchanged_TJ, 0).sum(axis=1) / count_T
    return told_T & (other_T < CLEARLY * plain_T) & (plain_T > WORTH_SAYING), told_T


def acceleration_errors(tracks: Iterable[Judged]) -> NDArray[np.float64]:
    """(N) length of the second difference over frames of each joint's error: how much it trembles against truth.
    Over joints counted in three frames in a row of one person. Parts of the diagonal per frame squared."""
    parts = [np.zeros(0)]
    for track in tracks:
        second = np.diff(track.offset_TJ2, n=2, axis=0)
        counted, who, at = track.counted, track.who_T, track.track.frames_T
        steady_T = (who[2:] == who[1:-1]) & (who[1:-1] == who[:-2]) & (np.diff(at, n=2) == 0)
        known = counted[2:] & counted[1:-1] & counted[:-2] & steady_T[:, None]
        parts.append(np.hypot(second[..., 0], second[..., 1])[known])
    return np.concatenate(parts)
