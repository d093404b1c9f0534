"""Share of the way from no pseudo-labels to the supervised ceiling that the largest size went.

Legend: B draws, S sequences.
"""

import numpy as np

from evaluation.study.draws import draw
from evaluation.study.steps import Interval, interval
from evaluation.study.table import StudyRowsError, StudyTable

_LEAST_SHARE = 0.95
"""Of the draws in which the ceiling must beat the start for a share to mean anything."""


def gap_closed(study: StudyTable, ceiling: StudyTable, seed: int = 2) -> Interval | None:
    """(E_0 - E_last) / (E_0 - ceiling), with its interval; None where the ceiling is not surely better than the start.

    The ceiling's runs at its largest size count. All are drawn on the same test sequences, and what a seed adds to
    everything cancels where the ceiling has the study's seeds.
    """
    joined = _joined(study, ceiling)
    draws = draw(joined, seed=seed)
    start_B, end_B, best_B = (draws.shape_BH[:, place] + draws.mean_H[place] for place in (0, 1, 2))
    if np.mean(start_B > best_B) < _LEAST_SHARE:
        return None
    start, end, best = draws.mean_H
    usable = start_B > best_B
    return interval((start - end) / (start - best), ((start_B - end_B) / (start_B - best_B))[usable])


def _joined(study: StudyTable, ceiling: StudyTable) -> StudyTable:
    """First size, last size and ceiling as the three 'sizes' of one table, so that the same draws serve all."""
    common = [name for name in study.sequences if name in ceiling.sequences]
    if not common:
        raise StudyRowsError("the study and its ceiling share no test sequence")
    last = len(study.hours_H) - 1
    parts = [(study, 0), (study, last), (ceiling, len(ceiling.hours_H) - 1)]
    size_C, seed_C, error_CS = [], [], []
    for place, (table, size) in enumerate(parts):
        columns = [table.sequences.index(name) for name in common]
        for cell in np.flatnonzero(table.size_C == size):
            size_C.append(place)
            seed_C.append(table.seed_C[cell])
            error_CS.append(table.error_CS[cell, columns])
    return StudyTable(np.arange(3.0), np.array(size_C), tuple(seed_C), tuple(common), np.array(error_CS))
