"""Cuts on films with known ones, and on many clips joined by ffmpeg."""

from evaluation.label_quality.shots import Cuts, shots_table
from evaluation.label_quality.table import Table
from flows.label_quality.bench import Bench
from flows.label_quality.joins import cuts_of, make_joined

CLIPS = 41
"""Forty joins of each kind."""


def shot_tables(bench: Bench) -> list[Table]:
    """One table: the world's own cuts, films of one shot, and each kind of join."""
    config = bench.config.label.shots
    cut = [film for film in bench.films if film.cuts]
    whole = [film for film in bench.films if not film.cuts]
    kinds: dict[str, list[Cuts]] = {
        "the world's own cuts": [cuts_of(film.path, [(at, at) for at in film.cuts], config) for film in cut],
        "films of one shot": [cuts_of(film.path, [], config) for film in whole],
    }
    peopled = [film.path for film in whole if len(film.truth.joints_PFJ3)]
    joined = make_joined(peopled[:CLIPS], bench.out / "joined")
    for n, (kind, video) in enumerate(joined.items(), start=1):
        kinds[kind] = [cuts_of(video.path, video.transitions, config)]
        bench.told("joined clips", n, len(joined))
    note = (
        f"{min(CLIPS, len(peopled))} clips of synthetic film joined by ffmpeg (flows/label_quality/joins.py), and the "
        "films themselves. A transition counts as found up to two frames before it begins or after it ends. A flash is "
        "no cut: one that is taken for a cut is false. `again`: a second cut inside one transition; it divides "
        "pictures that no label needs."
    )
    return [shots_table(kinds, note)]
