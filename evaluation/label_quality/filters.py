"""Compares what each filter keeps and drops with the same labels without any filter."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.label_quality.errors import errors_of, swapped_share
from evaluation.label_quality.matching import Judged, JudgedFilm
from evaluation.label_quality.table import Table, Value, from_rows

HOURS_A_FRAME = 1 / 25 / 3600


def filters_table(everything: Sequence[JudgedFilm], filtered: Mapping[str, Sequence[JudgedFilm]], note: str) -> Table:
    """One row for each filter, after a row without any: frames and hours kept, errors of the kept and the dropped."""
    rows = {"no filter": filter_row(everything, everything)}
    rows |= {name: filter_row(everything, films) for name, films in filtered.items()}
    return from_rows("filters", "Filters: what each keeps and drops", note, rows, of="filter", bar="frames kept")


def filter_row(everything: Sequence[JudgedFilm], kept: Sequence[JudgedFilm]) -> dict[str, Value]:
    """Frames and hours kept, and errors of the kept and the dropped. Both lists hold the same films in one order."""
    frames = sum(_frames(film) for film in everything)
    frames_kept = sum(_frames(film) for film in kept)
    dropped = [_dropped(a, b) for a, b in zip(everything, kept, strict=True)]
    dropped_errors = np.concatenate([np.zeros(0), *dropped])
    kept_errors = errors_of(track for film in kept for track in film.tracks)
    return {
        "frames kept": frames_kept / frames if frames else None,
        "hours kept": frames_kept * HOURS_A_FRAME,
        "median kept": float(np.median(kept_errors)) if len(kept_errors) else None,
        "mean kept": float(kept_errors.mean()) if len(kept_errors) else None,
        "median dropped": float(np.median(dropped_errors)) if len(dropped_errors) else None,
        "mean dropped": float(dropped_errors.mean()) if len(dropped_errors) else None,
        "false people kept": sum(film.false for film in kept),
        "sides exchanged": swapped_share(track for film in kept for track in film.tracks),
    }


def kept_shares(
    everything: Mapping[str, Sequence[JudgedFilm]], filtered: Mapping[str, Mapping[str, Sequence[JudgedFilm]]],
    note: str,
) -> Table:  # fmt: skip
    """Share of frames kept: one row for each filter, one column for each kind of film.

    `filtered` maps a filter's name to its films by kind.
    """
    frames = {kind: sum(map(_frames, films)) for kind, films in everything.items()}
    rows: dict[str, dict[str, Value]] = {
        name: {kind: sum(map(_frames, films)) / frames[kind] if frames[kind] else None for kind, films in kinds.items()}
        for name, kinds in filtered.items()
    }
    return from_rows("filters_kinds", "Filters: share of frames kept, by kind of film", note, rows, of="filter")


def _frames(film: JudgedFilm) -> int:
    return sum(int(track.track.observed_T.sum()) for track in film.tracks)


def _dropped(everything: JudgedFilm, kept: JudgedFilm) -> NDArray[np.float64]:
    """Errors of the person-frames that are in `everything` and not in `kept`."""
    kept_people = {pair for track in kept.tracks for pair in _people(track)}
    errors = []
    for track in everything.tracks:
        dropped_T = np.array([pair not in kept_people for pair in _people(track)], dtype=bool)
        errors.append(track.errors[track.counted & dropped_T[:, None]])
    return np.concatenate([np.zeros(0), *errors])


def _people(track: Judged) -> list[tuple[int, int]]:
    return list(zip(track.track.frames_T.tolist(), track.who_T.tolist(), strict=True))
