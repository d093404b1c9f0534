"""How often each test set was scored: a p-value on a set that was tuned on is worth nothing."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from dashboard.markup import element, join
from dashboard.panel import Panel
from dashboard.tables import table
from dashboard.units import short, when
from dashboard.view import LakeView


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
