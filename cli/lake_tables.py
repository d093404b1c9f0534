"""`hmmr lake stats` for people: a few aligned tables."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.common import counted, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.labels.counts import VersionCount
    from storage.stats import Group, Stats


DIGITS = 12
"""Of a label version's digest, in `lake stats` as in `lake labels`."""


def print_stats(root: str, stats: "Stats") -> None:
    """Print everything that was counted and is not empty."""
    console = Console(soft_wrap=True)
    total = stats.total
    console.print(
        f"{root}: {total.hours:.3f} h, {counted(total.tracklets, 'tracklet')}, "
        f"{counted(stats.people, 'track')} of people, {counted(total.sources, 'source')}, "
        f"{counted(stats.frames, 'frame')}",
        markup=False,
    )
    if stats.older:
        console.print(
            f"and {counted(stats.older, 'tracklet')} of other labels of the same sources: `hmmr lake labels` lists "
            "them, and a snapshot takes them with --labels"
        )
    if stats.books is not None:
        console.print("books: " + ", ".join(f"{name} {count}" for name, count in stats.books.as_dict().items()))
    for key, groups in stats.by.items():
        console.print(_groups(key, groups))
    _print_counts(console, "funnel", stats.funnel)
    _print_counts(console, "items rejected or failed", stats.item_reasons)
    _print_counts(console, "stretches rejected", stats.rejects)
    for stage, spent in stats.seconds_per_1000.items():
        seconds_text = ", ".join(f"{value:.1f} s {kind}" for kind, value in spent.items())
        console.print(plain(f"{stage}: {seconds_text} / 1000"), markup=False)
    for step in stats.survival:
        console.print(f"after {step.days:.1f} days {step.share:.1%} of the sources are left ({step.at_risk} at risk)")
    _print_counts(console, "files", stats.files)


def _groups(key: str, groups: "dict[str, Group]") -> Table:
    table = Table(key, "tracklets", "sources", "hours")
    longest = DIGITS if key == "labels" else 40
    for name, group in groups.items():
        table.add_row(Text(plain(name[:longest])), str(group.tracklets), str(group.sources), f"{group.hours:.3f}")
    return table


def print_labels(rows: "Sequence[VersionCount]") -> None:
    """Two lines a label version, the oldest first; the words are what sets it apart from the first."""
    console = Console(soft_wrap=True, highlight=False)
    for row in rows:
        console.print(plain(f"{row.digest[:DIGITS]}  {row.words}"), markup=False)
        console.print(
            f"              {counted(row.tracklets, 'tracklet')}, {row.hours:.3f} h, {counted(row.videos, 'video')}, "
            f"the newest labels of {row.newest} of them; since {row.began:%Y-%m-%d %H:%M}"
        )


def _print_counts(console: Console, title: str, counts: dict[str, int]) -> None:
    if counts:
        console.print(f"{title}: " + ", ".join(f"{plain(name)} {n}" for name, n in counts.items()), markup=False)
