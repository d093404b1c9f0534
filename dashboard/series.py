"""Which of a lake's many curves a reader wants first: of each study its main series."""

from collections.abc import Iterable, Sequence

from dashboard.view import Row

MOST_STUDIES = 2
"""Studies that are shown at once before the reader picks others."""


def main_series(scores: Iterable[Row]) -> list[str]:
    """Of each study (NAME, or what stands before the first slash) the series whose first model was scored first,
    which is the one that the study is about; the study that was begun last comes first."""
    began: dict[str, tuple[float, str]] = {}
    for row in scores:
        if row["variant"] != "semi":
            continue
        series = row["study"] or ""
        found = (row["scored_at"].timestamp(), series)
        root = series.split("/")[0]
        began[root] = min(began.get(root, found), found)
    return [series for _, series in sorted(began.values(), key=lambda found: (-found[0], found[1]))]


def shown_first(scores: Iterable[Row]) -> list[str]:
    """The main series of the newest studies."""
    return main_series(scores)[:MOST_STUDIES]


def rank(series: str, first: Sequence[str]) -> tuple[int, str]:
    """Sort key: what is shown first, then the others by name."""
    return (first.index(series) if series in first else len(first), series)
