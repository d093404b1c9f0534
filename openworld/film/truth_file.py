"""FILM.truth.parquet: the ground truth of every person in a film, in the schema FILM_TRUTH, and of the whole film.

The film-level facts are JSON in the Parquet schema's metadata under b"film". F frames of the film.
"""

import io
import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from openworld.film.truth_arrays import PersonTruth
from storage.atomic import write_atomically
from storage.delta import encodings
from storage.json_text import MISFIT, read_object
from storage.schema import FILM_TRUTH
from storage.tables import list_array

SUFFIX = ".truth.parquet"


class TruthFileError(ValueError):
    """A truth file cannot be read or is not one; the message names the file."""


@dataclass(frozen=True)
class FilmFacts:
    """Facts about a whole film."""

    film_id: str
    split: str
    kind: str
    seed: int
    cuts: tuple[int, ...]
    """Index of each frame that starts a new shot, the first one apart."""
    n_people: int
    n_frames: int
    plan_digest: str
    video_sha256: str


@dataclass(frozen=True)
class Timeline:
    """When the frames of a film are shown and which shot they belong to."""

    pts: npt.NDArray[np.int64]
    time_base: Fraction
    fps: int
    size: tuple[int, int]
    """Width, height in px."""
    shot_index: npt.NDArray[np.int32]


def truth_path(video: Path) -> Path:
    """Path of the truth file that lies beside a video."""
    return video.with_name(video.stem + SUFFIX)


def write_truth(
    path: Path, facts: FilmFacts, timeline: Timeline, people: list[tuple[int, PersonTruth, npt.NDArray[np.bool_]]]
) -> None:
    """Write one row a person.

    Each of `people` is the shot's number, the truth of its T frames, and visibility (T, 25).
    """
    rows = [_row(facts, timeline, number, *person) for number, person in enumerate(people)]
    columns = [_column(field, [row[field.name] for row in rows]) for field in FILM_TRUTH]
    table = pa.Table.from_arrays(columns, schema=FILM_TRUTH.with_metadata({b"film": json.dumps(asdict(facts))}))
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **encodings(table.schema))
    write_atomically(path, buffer.getvalue())


def read_facts(path: Path) -> FilmFacts:
    """Read the facts about the whole film. TruthFileError if the file is no truth file."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        facts = read_object(metadata[b"film"])
        return FilmFacts(**{**facts, "cuts": tuple(facts["cuts"])})
    except (OSError, pa.ArrowException, *MISFIT) as problem:
        raise TruthFileError(f"{path}: not a film's truth file ({problem}); `hmmr films make` writes them") from problem


def read_people(path: Path) -> pa.Table:
    """Read the rows, in the schema FILM_TRUTH. TruthFileError if the file is no truth file."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as problem:
        raise TruthFileError(f"{path}: not a film's truth file ({problem})") from problem
    if set(FILM_TRUTH.names) - set(table.column_names):
        raise TruthFileError(f"{path}: lacks {sorted(set(FILM_TRUTH.names) - set(table.column_names))}")
    return table.select(FILM_TRUTH.names)


def _column(field: pa.Field, values: list[Any]) -> pa.Array:
    return list_array(values, field.type) if pa.types.is_list(field.type) else pa.array(values, field.type)


def _row(
    facts: FilmFacts, timeline: Timeline, number: int, shot: int, truth: PersonTruth, visible: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    present = timeline.shot_index == shot
    points_2d = np.concatenate([truth.pixels, visible[..., None]], -1).reshape(len(visible), 75)
    return {
        "film_id": facts.film_id,
        "person_index": number,
        "video_sha256": facts.video_sha256,
        "split": facts.split,
        "motion": truth.motion,
        "width": timeline.size[0],
        "height": timeline.size[1],
        "fps_num": timeline.fps,
        "fps_den": 1,
        "time_base_num": timeline.time_base.numerator,
        "time_base_den": timeline.time_base.denominator,
        "pts": timeline.pts,
        "shot_index": timeline.shot_index,
        "present": present,
        "focal": np.full(len(present), truth.focal, np.float32),
        "betas": truth.betas,
        "rotations": _spread(present, truth.rotations.reshape(-1, 216), np.tile(np.eye(3).ravel(), 24)),
        "translation": _spread(present, truth.translation, np.zeros(3)),
        "keypoints_3d": _spread(present, truth.keypoints_3d.reshape(-1, 75), np.full(75, np.nan)),
        "keypoints_2d": _spread(present, points_2d, np.zeros(75)),
    }


def _spread(
    present: npt.NDArray[np.bool_], values: npt.NDArray[Any], elsewhere: npt.NDArray[Any]
) -> npt.NDArray[np.float32]:
    """(F, D) with the shot's values in its frames and `elsewhere` (D) in the others."""
    spread = np.tile(elsewhere.astype(np.float32), (len(present), 1))
    spread[present] = values
    return spread
