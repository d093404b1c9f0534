"""Every score of a whole test set by its protocol; variants and baselines; how often each test set was scored."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from statistics import fmean, stdev
from typing import Any

from dashboard.markup import (
    Cells,
    Html,
    Panel,
    element,
    folded,
    hours_text,
    join,
    left_out,
    metric_name,
    metric_rank,
    number,
    short,
    table,
    variant_name,
    when,
)
from dashboard.studies import CURVE_VARIANTS, Curve, Setting, curves, rank, settings, shown_first
from dashboard.view import LakeView

_AGGREGATES = {"*macro": "mean over sequences", "*micro": "mean over frames"}

PUBLISHED: tuple[tuple[str, str, float, float, str], ...] = (
    ("HMMR, the paper", "3DPW", 116.5, 72.6, "CVPR 2019, headline"),
    ("HMMR, released checkpoint", "3DPW", 116.88, 72.66, "human_dynamics, doc/eval.md"),
    ("HMMR without MoSh", "3DPW", 128.03, 77.31, "human_dynamics, doc/eval.md"),
    ("HMMR, the paper", "Human3.6M", 83.7, 56.9, "CVPR 2019, headline"),
    ("HMMR without MoSh", "Human3.6M", 88.95, 59.39, "human_dynamics, doc/eval.md"),
)
"""Model, test set, MPJPE mm, PA-MPJPE mm, where it was printed: for reference beside the scores. More rows, under their
protocols, stand in evaluation/protocols/published.py."""

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
    metrics = sorted({metric for by_metric in cells.values() for metric in by_metric}, key=metric_rank)
    heads = ["study", "variant", "φ", "added video", "average", "runs", *[metric_name(metric) for metric in metrics]]
    order = sorted(cells, key=lambda key: (rank(key[4], first), key[6], key[5], key[7], key[3]))
    main = [key for key in order if key[4] in first]
    rest = [key for key in order if key not in main]
    caption = f"{dataset} {split}, protocol {protocol}"
    shown, others = ([_row(key, cells[key], metrics) for key in keys] for keys in (main, rest))
    rest_caption = f"{caption}: {len(rest)} rows of other series"
    fold = folded(rest_caption, table(rest_caption, heads, others, limit=1000)) if main and rest else None
    return join(table(caption, heads, shown or others), fold)


def _published() -> Html:
    """The paper's rows: real people filmed by real cameras, so not to be held against scores on films made here."""
    heads = ["model", "test set", "MPJPE (mm)", "PA-MPJPE (mm)", "printed in"]
    caption = "Published on real video; comparable only with scores of the same data and protocol"
    return folded("The paper's rows, for reference", table(caption, heads, PUBLISHED))


def _row(key: _Key, found: dict[str, list[float]], metrics: list[str]) -> Cells:
    _, _, _, aggregate, study, variant, phi_name, hours = key
    runs = max(len(values) for values in found.values())
    values = [_spread(found.get(metric, [])) for metric in metrics]
    return (study, variant_name(variant), phi_name, hours_text(hours), _AGGREGATES[aggregate], runs, *values)


def _spread(values: list[float]) -> str | float | None:
    if not values:
        return None
    return fmean(values) if len(values) == 1 else f"{number(fmean(values))} ± {number(stdev(values))}"


def baselines_panel(view: LakeView) -> Panel:
    """Per setting: every variant, best first, and its distance to the best trained model."""
    parts = [_variants_table(setting, curves(view.scores, setting)) for setting in settings(view.scores)]
    tables = [part for part in parts if part is not None]
    if not tables:
        body = element("p", "No baseline has been scored in this lake yet.", class_="empty")
        return Panel("baselines", "Variants and baselines", body)
    note = element(
        "p",
        "Lower is better. Zero-shot 3D comes from the 2D network itself, where its maker trained it with 3D labels; "
        "its φ may hold that knowledge too.",
    )
    rest = folded("Other test sets and metrics", *tables[2:]) if len(tables) > 2 else None
    return Panel("baselines", "Variants and baselines", join(note, *tables[:2], rest))


def _variants_table(setting: Setting, lines: Sequence[Curve]) -> Html | None:
    if not any(line.variant not in CURVE_VARIANTS for line in lines):
        return None
    rows = sorted((row for line in lines for row in _ends(line)), key=lambda row: row[-1])
    trained = [row[-1] for row in rows if row[1] == variant_name("semi")]
    best = min(trained) if trained else None
    table_rows: list[Cells] = [(*row, f"{row[-1] - best:+.2f}" if best is not None else "") for row in rows]
    heads = ["study and φ", "variant", "added video", "runs", "value", "against the best trained"]
    return table(setting.name, heads, table_rows)


def _ends(line: Curve) -> list[tuple[str, str, str, int, float]]:
    sizes = line.hours if line.variant not in CURVE_VARIANTS else [line.hours[0], line.hours[-1]]
    return [
        (line.name, variant_name(line.variant), hours_text(size), sum(p.hours == size for p in line.points),
         line.mean(size))
        for size in dict.fromkeys(sizes)
    ]  # fmt: skip


def exposure_panel(view: LakeView) -> Panel:
    """Per dataset, split and protocol: scored runs, commits that they came from, first and last time."""
    runs: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    commits: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    times: dict[tuple[str, str, str], list[datetime]] = defaultdict(list)
    for row in view.scores:
        key = (row["dataset"], row["split"], row["protocol"])
        runs[key].add(row["run_id"])
        commits[key].add(row["commit"])
        times[key].append(row["scored_at"])
    rows: list[tuple[Any, ...]] = [
        (dataset, split, protocol, len(runs[key]), len(commits[key]), ", ".join(sorted(map(short, commits[key]))),
         when(min(times[key])), when(max(times[key])))
        for key in sorted(runs, key=lambda key: (key[1] != "test", key))
        for dataset, split, protocol in [key]
    ]  # fmt: skip
    note = element(
        "p",
        "Settings are chosen on dev. A test set is scored for a configuration that a commit has frozen: each commit "
        "more is one more look.",
    )
    heads = ["dataset", "split", "protocol", "runs scored", "commits", "which", "first", "last"]
    return Panel("exposure", "How often the test sets were scored", join(note, table("Scorings", heads, rows)))
