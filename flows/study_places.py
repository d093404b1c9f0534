"""Where a study's data lie, and the quickstart's films for those who have none."""

from dataclasses import dataclass
from pathlib import Path

from evaluation.study_grid import StudyConfigError
from flows.cells import HeldOut
from flows.quickstart_config import QuickstartConfig
from flows.quickstart_films import harvest_by_url, harvest_with_truth, make_all_films
from storage.lake import Lake


@dataclass(frozen=True)
class Places:
    """Where a study's data lie: the pool's lake, the labelled one, the test sets, and the folder for what is made."""

    lake: Path
    labelled: Path
    held_out: tuple[HeldOut, ...]
    out: Path
    prior_poses: Path | None = None
    perfect: Path | None = None
    """The pool's films once more, labelled by backend `truth` without noise."""


def given_places(
    lake: Path | None, labelled: Path | None, held_out: Path | None, out: Path, perfect: Path | None = None
) -> Places | None:
    """The user's own lakes; None where none was given.

    StudyConfigError where one of the three was not named, NoSuchLake where one is not there.
    """
    if lake is None and labelled is None and held_out is None:
        return None
    if lake is None or labelled is None or held_out is None:
        raise StudyConfigError("a study on your own data needs all of --lake, --labelled and --held-out")
    for folder in (lake, labelled, held_out, *([perfect] if perfect else [])):
        Lake(folder, create=False)
    return Places(lake, labelled, (HeldOut("films", held_out, ("dev", "test")),), out, perfect=perfect)


def film_places(out: Path, workers: int) -> Places:
    """The quickstart's films, made and harvested below OUT where they are not there yet."""
    films = QuickstartConfig(out=out, workers=workers)
    make_all_films(films)
    harvest_by_url(films)
    harvest_with_truth(films)
    return Places(films.lake, films.labelled, (HeldOut("films", films.held_out, ("dev", "test")),), out,
                  films.prior_poses)  # fmt: skip
