"""The row with perfect 2D: the same films, their true keypoints in the place of the detected ones."""

from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc

from evaluation.study_grid import StudyConfig, StudyConfigError
from flows.cells import Ground
from flows.study_places import Places
from storage.lake import Lake
from storage.snapshot import freeze

PERFECT = "perfect_2d"


def perfect_ground(config: StudyConfig, places: Places, ground: Ground) -> Ground | None:
    """The ground of the perfect lake; None where the study has no such row, StudyConfigError where the lake lacks."""
    if not config.perfect_2d:
        return None
    if places.perfect is None:
        raise StudyConfigError(
            "perfect_2d needs --perfect: the pool's films harvested once more with --backend truth, without noise"
        )
    return replace(ground, lake=places.perfect, snapshot=freeze(Lake(places.perfect)).digest)


def copy_perfect(perfect: Path, lake: Path, study: str) -> None:
    """Bring the scores of a series from the perfect lake into the study's, once."""
    where = (pc.field("study") == study) & (pc.field("variant") == PERFECT)
    table = Lake(perfect).read("scores", where=where)
    if table.num_rows:
        Lake(lake).append("scores", table, transaction=f"perfect/{study}/{table.num_rows}")
