"""What filters and the repair of sides do to the labels."""

from collections.abc import Sequence

from evaluation.label_quality.errors import error_row
from evaluation.label_quality.filters import filters_table, kept_shares
from evaluation.label_quality.matching import JudgedFilm, judge
from evaluation.label_quality.people import Labelled
from evaluation.label_quality.table import Table, Value, from_rows
from flows.label_quality.bench import Bench
from flows.label_quality.error_tables import ERRORS
from flows.label_quality.films import KnownFilm, by_kind
from flows.label_quality.filter_presets import filters
from flows.label_quality.mirrored import BURST_FRAMES, MirroringBackend
from flows.label_quality.refilter import refiltered
from harvest.config import HarvestConfig
from harvest.filters.presets import Preset
from harvest.registry import make_backend

INJECTED = (0.1, 0.3)


def filter_tables(bench: Bench) -> list[Table]:
    """Every filter alone and every preset, over all films, and by kind of film."""
    films = bench.some_films()
    labels = bench.labels("labels without a filter", films, bench.unfiltered())
    everything = [judge(film.truth, each) for film, each in zip(films, labels, strict=True)]
    filtered = {name: _filtered(bench, films, labels, preset) for name, preset in filters().items()}
    place = {film.path: n for n, film in enumerate(films)}
    kinds = {kind: [place[film.path] for film in some] for kind, some in by_kind(films).items() if kind != "nobody"}
    note = (
        "Each filter alone, then the presets, on half of the films and those made from others (cut off by the "
        f"border, frozen, still). {ERRORS} Hours are of labelled people."
    )
    shares = kept_shares(
        {kind: [everything[n] for n in which] for kind, which in kinds.items()},
        {name: {kind: [judged[n] for n in which] for kind, which in kinds.items()} for name, judged in
         filtered.items()},
        "Frames that stay, as a share of the labelled frames without a filter.",
    )  # fmt: skip
    return [filters_table(everything, filtered, note), shares]


def _filtered(bench: Bench, films: Sequence[KnownFilm], labels: Sequence[Labelled], preset: Preset) -> list[JudgedFilm]:
    kept = [refiltered(each, preset, *bench.changes.of(film.path)) for film, each in zip(films, labels, strict=True)]
    return [judge(film.truth, each) for film, each in zip(films, kept, strict=True)]


def side_tables(bench: Bench) -> list[Table]:
    """Before and after the repair, as the network errs and with more exchanged on purpose."""
    rows: dict[str, dict[str, Value]] = {}
    for name, changes in {"as detected": {"sides": None}, "repaired": {}}.items():
        rows[name] = error_row(bench.judged(f"labels, sides {name}", bench.world_films(), **changes))
    network = make_backend(HarvestConfig(label=bench.config.label, backend=bench.config.backend))
    few = bench.alone[: max(1, bench.config.films // 2)]
    for share in INJECTED:
        shelf = bench.shelf_of(MirroringBackend(network, share))
        for name, changes in {"as detected": {"sides": None}, "repaired": {}}.items():
            judged = bench.judged(f"labels, {share:.0%} mirrored, {name}", few, shelf, **changes)
            rows[f"one person, {share:.0%} mirrored on purpose, {name}"] = error_row(judged)
    note = (
        "A frame's sides are exchanged if its joints fit the truth clearly better (0.7 of the error) with left and "
        f"right the other way round. {ERRORS} On purpose: all joints, bursts of {BURST_FRAMES} frames, inside the "
        "backend, so that the whole labeller meets them as it meets the network's own."
    )
    return [from_rows("sides", "Left and right, before and after the repair", note, rows, of="labels",
                      bar="sides exchanged")]  # fmt: skip
