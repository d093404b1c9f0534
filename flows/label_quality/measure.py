"""All measurements of label quality, one part after the other."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from evaluation.label_quality.table import Table
from flows.label_quality.bench import Bench, MeasureConfig, Told
from flows.label_quality.change_tables import filter_tables, side_tables
from flows.label_quality.condition_tables import condition_tables
from flows.label_quality.error_tables import error_tables, noise_tables, tracking_tables
from flows.label_quality.finish_tables import calibration_tables, smoothing_tables
from flows.label_quality.joins import shot_tables
from flows.label_quality.real_video import OneLookBackend, athlete_table, squats_table


def _real_tables(bench: Bench) -> list[Table]:
    if bench.config.real is None:
        return []
    label = bench.config.label
    one_look = bench.shelf_of(OneLookBackend(label.people.keep_score))
    return [
        squats_table(bench.config.real, bench.shelf, label),
        athlete_table(bench.config.real, bench.shelf, one_look, label),
    ]


PARTS: Mapping[str, Callable[[Bench], list[Table]]] = {
    "errors": error_tables, "tracking": tracking_tables, "shots": shot_tables, "filters": filter_tables,
    "scores": calibration_tables, "smoothing": smoothing_tables, "sides": side_tables, "real": _real_tables,
    "noise": noise_tables, "conditions": condition_tables,
}  # fmt: skip
"""What can be measured by itself, in the order of the page."""


def measure(
    config: MeasureConfig, out: Path, told: Told, parts: tuple[str, ...] = tuple(PARTS)
) -> Iterator[tuple[str, list[Table]]]:
    """Each part and its tables, as soon as they are there. Everything below `out` is kept: interrupted, the same call
    goes on; after a change of a threshold the networks are asked only what they were not asked before."""
    bench = Bench(config, out, told)
    for part in parts:
        yield part, PARTS[part](bench)
