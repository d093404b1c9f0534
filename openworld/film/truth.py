"""Gives tracklets that were harvested from films their 3D labels: rows of `labels3d`.

A film is recognised by the hash of its bytes, a frame by its time stamp, a person by the distance of the keypoints.
"""

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from openworld.film.matching import Followed, follow, frames_at, person_distance
from openworld.film.truth_file import SUFFIX, read_facts, read_people
from openworld.scene.figure import BODY
from storage.lake import Lake
from storage.tables import row_views, rows_to_table

_Row = dict[str, Any]

_TRACKLET_COLUMNS = (
    "tracklet_id", "source_id", "time_base_num", "time_base_den", "width", "pts", "boxes", "keypoints",
)  # fmt: skip


def attach_truth(lake: Lake, films: Path) -> int:
    """Label each tracklet of a film below `films` that has no labels yet, in one commit; returns how many were.

    A tracklet of another video, or one that follows nobody of the film, gets no labels. TruthFileError for a truth file
    that cannot be read.
    """
    truths = {read_facts(path).video_sha256: path for path in sorted(Path(films).rglob(f"*{SUFFIX}"))}
    rows = list(_labels(lake, truths))
    if not rows:
        return 0
    names = "\n".join(sorted(row["tracklet_id"] for row in rows))
    transaction = f"truth-{hashlib.sha256(names.encode()).hexdigest()[:32]}"
    lake.append("labels3d", rows_to_table("labels3d", rows), transaction=transaction)
    return len(rows)


def _labels(lake: Lake, truths: dict[str, Path]) -> Iterator[_Row]:
    videos = lake.read("videos", ["source_id", "content_sha256"]).to_pylist()
    film_of = {row["source_id"]: truths[row["content_sha256"]] for row in videos if row["content_sha256"] in truths}
    labelled = set(lake.read("labels3d", ["tracklet_id"]).column(0).to_pylist())
    for source_id, tracklets in _tracklets_by_source(lake, film_of).items():
        fresh = [tracklet for tracklet in tracklets if tracklet["tracklet_id"] not in labelled]
        people = list(row_views(read_people(film_of[source_id]))) if fresh else []
        for tracklet in fresh if people else []:
            followed = _match(tracklet, people)
            if followed is not None:
                yield _label(tracklet, people[followed.person], followed)


def _tracklets_by_source(lake: Lake, film_of: dict[str, Path]) -> dict[str, list[_Row]]:
    among = pc.field("source_id").isin(pa.array(list(film_of), pa.string()))
    grouped: dict[str, list[_Row]] = {}
    for row in row_views(lake.read("tracklets", _TRACKLET_COLUMNS, among).sort_by("tracklet_id")):
        grouped.setdefault(row["source_id"], []).append(row)
    return grouped


def _match(tracklet: _Row, people: list[_Row]) -> Followed | None:
    frame, in_time = frames_at(tracklet["pts"], _time_base(tracklet), people[0]["pts"], _time_base(people[0]))
    keypoints = tracklet["keypoints"].reshape(-1, 25, 3)
    boxes = tracklet["boxes"].reshape(-1, 4)
    distance = [person_distance(keypoints, boxes, _points_2d(person, tracklet)[frame]) for person in people]
    present = [np.asarray(person["present"], bool)[frame] for person in people]
    return follow(np.stack(distance), np.stack(present), frame, in_time)


def _label(tracklet: _Row, person: _Row, followed: Followed) -> _Row:
    frame = followed.film_frame
    return {
        "tracklet_id": tracklet["tracklet_id"],
        "source_id": tracklet["source_id"],
        "truth_id": f"{person['film_id']}:{person['person_index']}",
        "split": person["split"],
        "body": BODY,
        "valid": followed.valid,
        "keypoints_3d": _points(person, "keypoints_3d")[frame].reshape(-1, 75),
        "keypoints_2d": _points_2d(person, tracklet)[frame].reshape(-1, 75),
        "rotations": person["rotations"].reshape(-1, 216)[frame],
        "betas": np.asarray(person["betas"], np.float32),
        "translation": person["translation"].reshape(-1, 3)[frame],
    }


def _points(person: _Row, column: str) -> npt.NDArray[np.float32]:
    return np.asarray(person[column], np.float32).reshape(-1, 25, 3)


def _points_2d(person: _Row, tracklet: _Row) -> npt.NDArray[np.float32]:
    """(F, 25, 3) in px of the tracklet: the harvest scales large videos down."""
    points = _points(person, "keypoints_2d")
    scale = tracklet["width"] / person["width"]
    return points if scale == 1 else points * np.array([scale, scale, 1], np.float32)


def _time_base(row: _Row) -> Fraction:
    return Fraction(row["time_base_num"], row["time_base_den"])
