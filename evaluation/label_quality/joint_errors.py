"""The error of each joint by itself, left and right together."""

from collections.abc import Sequence

import numpy as np

from body.joints import KEYPOINTS_25
from evaluation.label_quality.errors import errors_of, joint_row
from evaluation.label_quality.matching import JudgedFilm
from evaluation.label_quality.table import Table, from_rows


def joint_table(films: Sequence[JudgedFilm], note: str) -> Table:
    """One row a joint that the labels have, the worst first; and all together."""
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
    """Slots of the 25 by name without its side."""
    groups: dict[str, list[int]] = {}
    for slot, name in enumerate(KEYPOINTS_25):
        groups.setdefault(name.removeprefix("left_").removeprefix("right_").replace("_", " "), []).append(slot)
    return groups
