"""End-to-end errors by kind of film, by joint, and how the noise model of the backend `truth` compares."""

from collections.abc import Sequence

from evaluation.label_quality.errors import acceleration_errors, film_row, joint_table
from evaluation.label_quality.matching import SAME, JudgedFilm, judge
from evaluation.label_quality.people import Labelled, Truth
from evaluation.label_quality.table import Table, Value, from_rows, with_before
from evaluation.label_quality.tracking import tracking_table
from flows.label_quality.before import labels_before
from flows.label_quality.bench import Bench
from flows.label_quality.films import KnownFilm, by_kind
from harvest.backends.truth import TruthBackend, TruthConfig

TRACKED = ("two people who cross", "four people who cross", "somebody behind a pillar",
           "somebody leaves and comes back", "two shots, a person in each", "one person")  # fmt: skip

ERRORS = "Errors are parts of the diagonal of the true person's box, over joints that are truly visible."


def error_tables(bench: Bench) -> list[Table]:
    """Labels as the default harvest gives them, by kind of film and by joint."""
    films = bench.all_films
    judged = bench.judged("labels of all films", films)
    rows = kind_rows(films, judged)
    if bench.config.before is not None:
        earlier = labels_before(bench.config.before, films, bench.out)
        rows = with_before(
            rows, kind_rows(films, [judge(film.truth, each) for film, each in zip(films, earlier, strict=True)])
        )
    note = (
        "What `hmmr harvest run` keeps of each kind of synthetic film under its default settings, against the films' "
        f"truth. {ERRORS} A person-frame is missed if no label overlaps it by {SAME}; a person of whom fewer than five "
        "joints show need not be labelled. Runs under 20 frames are dropped, which counts as missed."
    )
    ended = from_rows("end_to_end", "End to end, by kind of film", note, rows, of="film", bar="mean")
    return [ended, joint_table(judged, f"The same labels, all films, left and right together. {ERRORS}")]


def kind_rows(films: Sequence[KnownFilm], judged: Sequence[JudgedFilm]) -> dict[str, dict[str, Value]]:
    """`film_row` of each kind, and of all."""
    of_film = {film.path: each for film, each in zip(films, judged, strict=True)}
    rows = {kind: film_row([of_film[film.path] for film in some]) for kind, some in by_kind(list(films)).items()}
    return rows | {"all": film_row(judged)}


def tracking_tables(bench: Bench) -> list[Table]:
    """Tracks before any filter, against identities."""
    labels = bench.labels("tracks of all films", bench.films, bench.unfiltered())
    rows = _tracked(bench.films, labels)
    before = None
    if bench.config.before is not None:
        before = _tracked(bench.films, labels_before(bench.config.before, bench.films, bench.out, unfiltered=True))
    note = (
        "Tracks before any filter against known identities, by TrackEval on boxes around all joints (HOTA over "
        "overlaps of 0.05 to 0.95, the others at 0.5). A track ends with its shot and with its person's way out of the "
        "picture, so who leaves and comes back is a new identity by design: HOTA and IDF1 count that against it."
    )
    return [tracking_table(rows, note, before)]


def _tracked(films: Sequence[KnownFilm], labels: Sequence[Labelled]) -> dict[str, list[tuple[Truth, Labelled]]]:
    of_film = {film.path: (film.truth, each) for film, each in zip(films, labels, strict=True)}
    kinds = by_kind(list(films))
    return {kind: [of_film[film.path] for film in kinds[kind]] for kind in TRACKED if kind in kinds}


def noise_tables(bench: Bench) -> list[Table]:
    """The backend `truth`, whose noise was fitted earlier, against the network it stands for."""
    truth = bench.shelf_of(TruthBackend(TruthConfig(bench.out / "films")))
    films = bench.world_films()
    rows: dict[str, dict[str, Value]] = {}
    for name, shelf in {bench.config.backend: bench.shelf, "truth with its noise model": truth}.items():
        judged = bench.judged(f"labels by {name}", films, shelf, sides=None)
        trembles = acceleration_errors(track for film in judged for track in film.tracks)
        rows[name] = {**film_row(judged), "acceleration error": float(trembles.mean())}
    note = (
        "The noise model (harvest/backends/label_noise.py) against the network, same films and filters, before the "
        f"repair of sides. {ERRORS}"
    )
    return [from_rows("noise", "Does the noise model fit?", note, rows, of="backend", bar="mean")]
