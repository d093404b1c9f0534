"""Every score of a whole test set, with the protocol that it was made by."""

from collections import defaultdict
from statistics import fmean, stdev

from dashboard.markup import Html, element, join
from dashboard.panel import Panel
from dashboard.published import PUBLISHED
from dashboard.tables import Row, folded, number, table
from dashboard.units import hours_text, metric_name, metric_rank, variant_name
from dashboard.view import LakeView

_AGGREGATES = {"*macro": "mean over sequences", "*micro": "mean over frames"}

_Key = tuple[str, str, str, str, str, str, str, float]


def scores_panel(view: LakeView) -> Panel:
    """One row a dataset, protocol, aggregate, variant, feature and size; one column a metric, mean ± sd of seeds."""
    cells: dict[_Key, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in view.scores:
        if row["sequence"] in _AGGREGATES:
            where = (row["dataset"], row["split"], row["protocol"], row["sequence"])
            key = (*where, row["study"] or "", row["variant"], row["phi_name"] or "", float(row["hours"]))
            cells[key][row["metric"]].append(row["value"])
    metrics = sorted({metric for found in cells.values() for metric in found}, key=metric_rank)
    rows = [_row(key, found, metrics) for key, found in sorted(cells.items())]
    heads = ["test set", "protocol", "average", "study", "variant", "φ", "added video", "runs"]
    heads += [metric_name(metric) for metric in metrics]
    note = element("p", "Numbers of different protocols or averages are not comparable with one another.")
    scored = table("Scores of whole test sets", heads, rows)
    return Panel("scores", "Scores", join(note if rows else None, scored, _published()))


def _published() -> Html:
    """The paper's rows: real people filmed by real cameras, so not to be held against scores on films made here."""
    heads = ["model", "test set", "MPJPE (mm)", "PA-MPJPE (mm)", "printed in"]
    caption = "Published on real video; comparable only with scores of the same data and protocol"
    return folded("The paper's rows, for reference", table(caption, heads, PUBLISHED))


def _row(key: _Key, found: dict[str, list[float]], metrics: list[str]) -> Row:
    dataset, split, protocol, aggregate, study, variant, phi_name, hours = key
    runs = max(len(values) for values in found.values())
    values = [_spread(found.get(metric, [])) for metric in metrics]
    return (f"{dataset} {split}", protocol, _AGGREGATES[aggregate], study, variant_name(variant), phi_name,
            hours_text(hours), runs, *values)  # fmt: skip


def _spread(values: list[float]) -> str | float | None:
    if not values:
        return None
    return fmean(values) if len(values) == 1 else f"{number(fmean(values))} ± {number(stdev(values))}"
