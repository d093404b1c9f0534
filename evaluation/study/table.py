"""Rows of a data-scale study as arrays: one error a (size, seed, sequence).

Legend: C cells (one trained model each), S test sequences, H sizes.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

COLUMNS = ("hours", "seed", "sequence", "error")
MAIN = "semi"
"""The variant that a study's verdict is about; rows without a `variant` column all belong to it."""


MOST_SIZES = 64
"""Every pair of sizes is compared, and each law is refitted to all: 64 sizes take some 10 s."""


class StudyRowsError(ValueError):
    """Rows that no study can be made of; the message names the row or what is missing."""


@dataclass(frozen=True)
class StudyTable:
    """Cells and their errors on the same test sequences. Cells are sorted by hours, then seed."""

    hours_H: Float
    """The sizes, ascending, in added hours."""
    size_C: Int
    """Which size each cell has: index into hours_H."""
    seed_C: tuple[str, ...]
    """Seed of each cell."""
    sequences: tuple[str, ...]
    error_CS: Float
    """Error of each cell on each sequence, in the unit of the metric."""
    dropped: tuple[str, ...] = ()
    """Sequences that not every cell was scored on, left out so that all differences are paired."""

    @property
    def cell_means(self) -> Float:
        """Mean error of each cell over the sequences."""
        return np.asarray(self.error_CS.mean(axis=1))

    @property
    def runs_of_sizes(self) -> Int:
        """Cells of each size."""
        return np.bincount(self.size_C, minlength=len(self.hours_H))

    @property
    def crossed(self) -> bool:
        """Whether every seed was run at every size, so that differences are paired by seed as well."""
        return len(set(self.seed_C)) * len(self.hours_H) == len(self.seed_C)

    def by_size(self, value_C: Float) -> Float:
        """Mean over the cells of each size, of any array whose first axis is cells."""
        return np.stack([value_C[self.size_C == size].mean(axis=0) for size in range(len(self.hours_H))])

    def without_largest(self) -> "StudyTable":
        """The same study as if the largest size had not been run."""
        smaller_C = self.size_C < len(self.hours_H) - 1
        seeds = tuple(seed for seed, keep in zip(self.seed_C, smaller_C, strict=True) if keep)
        return StudyTable(self.hours_H[:-1], self.size_C[smaller_C], seeds, self.sequences, self.error_CS[smaller_C])


def read_csv(path: Path) -> dict[str, StudyTable]:
    """Tables by variant of a CSV with the columns hours, seed, sequence, error (and variant, if there is one).

    StudyRowsError names the file and the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise StudyRowsError(f"{path}: no column {', '.join(missing)}; needed are {', '.join(COLUMNS)}")
            rows = [_parsed(path, line, row) for line, row in enumerate(reader, start=2)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise StudyRowsError(f"{path}: is no CSV in UTF-8 ({error})") from error
    groups: dict[str, list[tuple[float, str, str, float]]] = defaultdict(list)
    for variant, row in rows:
        groups[variant].append(row)
    if MAIN not in groups:
        raise StudyRowsError(f"{path}: no rows" + (f" of variant {MAIN}" if groups else ""))
    try:
        return {variant: table(variant_rows) for variant, variant_rows in groups.items()}
    except StudyRowsError as error:
        raise StudyRowsError(f"{path}: {error}") from error


def table(rows: Iterable[tuple[float, str, str, float]]) -> StudyTable:
    """A table of (hours, seed, sequence, error) rows. StudyRowsError: a row is there twice, or no common sequence."""
    cells: dict[tuple[float, str], dict[str, float]] = defaultdict(dict)
    for hours, seed, sequence, error in rows:
        cell = cells[(hours, seed)]
        if sequence in cell:
            raise StudyRowsError(f"hours {hours:g}, seed {seed}, sequence {sequence} is there twice")
        cell[sequence] = error
    if not cells:
        raise StudyRowsError("no rows")
    every = sorted({sequence for cell in cells.values() for sequence in cell})
    common = [sequence for sequence in every if all(sequence in cell for cell in cells.values())]
    if not common:
        raise StudyRowsError("no sequence was scored in every run, so no difference can be paired")
    order = sorted(cells)
    hours_H = np.array(sorted({hours for hours, _ in order}))
    if len(hours_H) > MOST_SIZES:
        raise StudyRowsError(
            f"{len(hours_H)} sizes; up to {MOST_SIZES} are compared: round the hours, so that runs of about the same "
            "size share one"
        )
    return StudyTable(
        hours_H=hours_H,
        size_C=np.searchsorted(hours_H, [hours for hours, _ in order]),
        seed_C=tuple(seed for _, seed in order),
        sequences=tuple(common),
        error_CS=np.array([[cells[cell][sequence] for sequence in common] for cell in order]),
        dropped=tuple(sorted(set(every) - set(common))),
    )


def _parsed(path: Path, line: int, row: Mapping[str, str | None]) -> tuple[str, tuple[float, str, str, float]]:
    try:
        hours, error = float(row["hours"] or ""), float(row["error"] or "")
    except ValueError:
        raise StudyRowsError(
            f"{path}, line {line}: hours and error must be numbers, got hours {row['hours']!r}, error {row['error']!r}"
        ) from None
    if not (np.isfinite(hours) and np.isfinite(error) and hours >= 0):
        raise StudyRowsError(f"{path}, line {line}: hours must be 0 or more and both finite, got {hours}, {error}")
    return row.get("variant") or MAIN, (hours, row["seed"] or "", row["sequence"] or "", error)
