"""What later steps do to the labels: filters, the repair of sides, smoothing, calibration of scores."""

from typing import Literal

from evaluation.label_quality.calibration import reliability_table, scored_joints, summary_table
from evaluation.label_quality.errors import acceleration_errors, error_row
from evaluation.label_quality.filters import filters_table, kept_shares
from evaluation.label_quality.table import Table, Value, from_rows
from flows.label_quality.bench import Bench
from flows.label_quality.error_tables import ERRORS
from flows.label_quality.films import by_kind
from flows.label_quality.filter_presets import EVERYTHING, filters
from flows.label_quality.mirrored import BURST_FRAMES, MirroringBackend
from harvest.config import HarvestConfig
from harvest.networks import make_backend
from harvest.smooth import SmoothingConfig

INJECTED = (0.05, 0.1, 0.3)
SIGMAS_S = (0.02, 0.04, 0.06, 0.08, 0.12)


def filter_tables(bench: Bench) -> list[Table]:
    """Every filter alone and every preset, over all films, and by kind of film."""
    films = bench.all_films
    everything = bench.judged("labels without a filter", films, preset=EVERYTHING)
    filtered = {
        name: bench.judged(f"labels, {name}", films, preset=preset) for name, preset in filters().items()
    }  # fmt: skip
    place = {film.path: n for n, film in enumerate(films)}
    kinds = {kind: [place[film.path] for film in some] for kind, some in by_kind(films).items() if kind != "nobody"}
    note = (
        "Each filter alone, then the presets, on all films and those made from them (cut off by the border, frozen, "
        f"still). {ERRORS} Hours are of labelled people."
    )
    shares = kept_shares(
        {kind: [everything[n] for n in which] for kind, which in kinds.items()},
        {name: {kind: [judged[n] for n in which] for kind, which in kinds.items()} for name, judged in
         filtered.items()},
        "Frames that stay, as a share of the labelled frames without a filter.",
    )  # fmt: skip
    return [filters_table(everything, filtered, note), shares]


def side_tables(bench: Bench) -> list[Table]:
    """Before and after the repair, as the network errs and with more exchanged on purpose."""
    rows: dict[str, dict[str, Value]] = {}
    for name, changes in {"as detected": {"sides": None}, "repaired": {}}.items():
        rows[name] = error_row(bench.judged(f"labels, sides {name}", bench.films, **changes))
    network = make_backend(HarvestConfig(label=bench.config.label, backend=bench.config.backend))
    few = bench.alone[: bench.config.films]
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


def smoothing_tables(bench: Bench) -> list[Table]:
    """Errors of places and of accelerations under several widths of temporal smoothing."""
    rows: dict[str, dict[str, Value]] = {}
    for sigma in (None, *SIGMAS_S):
        smoothing = SmoothingConfig(sigma) if sigma else None
        name = f"sigma {sigma} s" if sigma else "none"
        judged = bench.judged(f"labels, smoothing {name}", bench.films, smoothing=smoothing)
        trembles = acceleration_errors(track for film in judged for track in film.tracks)
        rows[name] = {**error_row(judged), "acceleration error": float(trembles.mean())}
    note = (
        "`smoothing` (harvest/smooth.py) after everything else, on all films of the world. The error of acceleration "
        f"is the second difference of a joint's error over frames, in diagonals a frame squared. {ERRORS}"
    )
    return [from_rows("smoothing", "Temporal smoothing, before and after", note, rows, of="smoothing",
                      bar="acceleration error")]  # fmt: skip


def calibration_tables(bench: Bench) -> list[Table]:
    """Raw and calibrated scores: what they say against how often the joint is right."""
    names: dict[str, Literal["raw", "calibrated"]] = {"raw": "raw", "calibrated": "calibrated"}
    scored = {
        name: scored_joints(bench.judged(f"labels, {name} scores", bench.films, scores=scores))
        for name, scores in names.items()
    }
    note = (
        "A joint is right within 0.1 of the person's diagonal, hidden joints too. ECE over fifteen bands, Brier score. "
        "The map (harvest/calibration.py) was fitted on films of another world, so none of these took part in it."
    )
    words = (
        "Share of joints that are right, by what their score says; a score that means what it says lies on the line."
    )
    return [
        summary_table(scored, note),
        *[reliability_table(f"reliability_{name}", f"Reliability of {name} scores", each, words)
          for name, each in scored.items()],
    ]  # fmt: skip
