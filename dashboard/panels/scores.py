"""Every score of a whole test set, with the protocol that it was made by."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean, stdev

from dashboard.left_out import left_out
from dashboard.markup import Html, element, join
from dashboard.panel import Panel
from dashboard.published import PUBLISHED
from dashboard.series import rank, shown_first
from dashboard.tables import Row, folded, number, table
from dashboard.units import hours_text, metric_name, metric_rank, variant_name
from dashboard.view import LakeView

_AGGREGATES = {"*macro": "mean over sequences", "*micro": "mean over frames"}

_Key = tuple[str, str, str, str, str, str, str, float]


def scores_panel(view: LakeView) -> Panel:
    """A table a test set and protocol: one row a series, variant, feature, size and average; mean ± sd of the seeds."""
    cells: dict[_Key, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in view.scores:
        if row["sequence"] in _AGGREGATES:
            where = (row["dataset"], row["split"], row["protocol"], row["sequence"])
            key = (*where, row["study"] or "", row["variant"], row["phi_name"] or "", float(row["hours"]))
            cells[key][row["metric"]].append(row["value"])
    note = element("p", "Numbers of different protocols or averages are not comparable with one another.")
    rest = left_out("these scores are of no number of hours", view.strange_scores)
    if not cells:
        return Panel("scores", "Scores", join(table("Scores of whole test sets", [], []), rest, _published()))
    first = shown_first(view.scores)
    places = sorted({key[:3] for key in cells}, key=lambda place: (place[1] == "dev", place))
    tables = [_tables(place, {k: v for k, v in cells.items() if k[:3] == place}, first) for place in places]
    return Panel("scores", "Scores", join(note, *tables, rest, _published()))


def _tables(place: tuple[str, str, str], cells: dict[_Key, dict[str, list[float]]], first: Sequence[str]) -> Html:
    """One test set by one protocol: the main series in sight, the others behind a fold."""
    dataset, split, protocol = place
    metrics = sorted({metric for found in cells.values() for metric in found}, key=metric_rank)
    heads = ["study", "variant", "φ", "added video", "average", "runs", *[metric_name(metric) for metric in metrics]]
    order = sorted(cells, key=lambda key: (rank(key[4], first), key[6], key[5], key[7], key[3]))
    main = [key for key in order if key[4] in first]
    rest = [key for key in order if key not in main]
    caption = f"{dataset} {split}, protocol {protocol}"
    shown, others = ([_row(key, cells[key], metrics) for key in keys] for keys in (main, rest))
    told = f"{caption}: {len(rest)} rows of other series"
    fold = folded(told, table(told, heads, others, limit=1000)) if main and rest else None
    return join(table(caption, heads, shown or others), fold)


def _published() -> Html:
    """The paper's rows: real people filmed by real cameras, so not to be held against scores on films made here."""
    heads = ["model", "test set", "MPJPE (mm)", "PA-MPJPE (mm)", "printed in"]
    caption = "Published on real video; comparable only with scores of the same data and protocol"
    return folded("The paper's rows, for reference", table(caption, heads, PUBLISHED))


def _row(key: _Key, found: dict[str, list[float]], metrics: list[str]) -> Row:
    _, _, _, aggregate, study, variant, phi_name, hours = key
    runs = max(len(values) for values in found.values())
    values = [_spread(found.get(metric, [])) for metric in metrics]
    return (study, variant_name(variant), phi_name, hours_text(hours), _AGGREGATES[aggregate], runs, *values)


def _spread(values: list[float]) -> str | float | None:
    if not values:
        return None
    return fmean(values) if len(values) == 1 else f"{number(fmean(values))} ± {number(stdev(values))}"
