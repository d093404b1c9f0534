"""Labels under what real video has and the other films lack (openworld/worlds.py, conditions_world)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.label_quality.errors import film_row
from evaluation.label_quality.matching import JudgedFilm, judge
from evaluation.label_quality.people import Labelled
from evaluation.label_quality.table import Table, Value, from_rows, with_before
from evaluation.label_quality.tracking import tracking_row
from flows.label_quality.before import labels_before
from flows.label_quality.bench import Bench
from flows.label_quality.error_tables import ERRORS
from flows.label_quality.films import KIND_WORDS, KnownFilm, by_kind

NOT_WHOLE = (KIND_WORDS["face"], KIND_WORDS["closeup"])
"""Kinds of film whose people are cut off by the frame throughout."""


@dataclass(frozen=True)
class _Answer:
    """What the harvest says of one film."""

    film: KnownFilm
    judged: JudgedFilm
    tracks: Labelled
    """Before any filter."""


def condition_tables(bench: Bench) -> list[Table]:
    """People who should be labelled, by condition; and how often something is labelled that is no whole person."""
    films = bench.conditions
    judged = bench.judged("labels under conditions", films)
    tracks = bench.labels("tracks under conditions", films, bench.unfiltered())
    answers = [_Answer(*each) for each in zip(films, judged, tracks, strict=True)]
    before = None if bench.config.before is None else _before(bench.config.before, films, bench.out)
    return [_people_table(answers, before), _not_whole_table(answers)]


def _before(checkout: Path, films: Sequence[KnownFilm], out: Path) -> list[_Answer]:
    labels, tracks = (labels_before(checkout, films, out, unfiltered=unfiltered) for unfiltered in (False, True))
    return [
        _Answer(film, judge(film.truth, kept), every)
        for film, kept, every in zip(films, labels, tracks, strict=True)
    ]  # fmt: skip


def _people_table(answers: Sequence[_Answer], before: Sequence[_Answer] | None) -> Table:
    rows = _people_rows(answers)
    if before is not None:
        rows = with_before(rows, _people_rows(before))
    note = (
        "What `hmmr harvest run` keeps under its default settings of films that have one thing each which real video "
        f"has (`conditions_world`). {ERRORS} HOTA is of the tracks before any filter."
    )
    return from_rows("conditions", "What real video has", note, rows, of="film", bar="missed")


def _people_rows(answers: Sequence[_Answer]) -> dict[str, dict[str, Value]]:
    whole = [answer for answer in answers if answer.film.kind not in NOT_WHOLE and _people(answer)]
    return {kind: _people_row(some) for kind, some in _by_kind(whole).items()} | {"all": _people_row(whole)}


def _people_row(answers: Sequence[_Answer]) -> dict[str, Value]:
    hota = tracking_row([(answer.film.truth, answer.tracks) for answer in answers])["HOTA"]
    return {**film_row([answer.judged for answer in answers]), "HOTA": hota}


def _not_whole_table(answers: Sequence[_Answer]) -> Table:
    groups = _by_kind([answer for answer in answers if answer.film.kind in NOT_WHOLE])
    alone = _by_kind([answer for answer in answers if not _people(answer)])
    groups |= {f"{kind}, and nobody else": some for kind, some in alone.items()}
    rows: dict[str, dict[str, Value]] = {}
    for kind, some in groups.items():
        frames = sum(len(answer.film.truth.shots_F) for answer in some)
        labelled = sum(_labelled_frames(answer.judged) for answer in some)
        rows[kind] = {"films": len(some), "frames": frames, "frames with a label": labelled / frames}
    note = (
        "Nobody is whole in these films: a label is a body that was made up around a face, below an upper body, or for "
        "a picture. The default filters keep an upper body whose arms show."
    )
    return from_rows("not_whole", "No whole person", note, rows, of="film", bar="frames with a label")


def _people(answer: _Answer) -> int:
    return len(answer.film.truth.joints_PFJ3)


def _by_kind(answers: Sequence[_Answer]) -> dict[str, list[_Answer]]:
    place = {answer.film.path: answer for answer in answers}
    kinds = by_kind([answer.film for answer in answers])
    return {kind: [place[film.path] for film in films] for kind, films in kinds.items()}


def _labelled_frames(judged: JudgedFilm) -> int:
    frames = [each.track.frames_T[each.track.observed_T] for each in judged.tracks]
    return len(np.unique(np.concatenate([np.zeros(0, np.int64), *frames])))
