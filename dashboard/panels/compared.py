"""Label versions held against each other: words for the legend, and the table of what the statistics say.

A row of `runs` of kind "study" (evaluation/study/versions.py): `config` is {"versions": {"words": {series: words}},
"compared": [{"of": {...}, "rows": [...]}]}. The newest row of a set of series counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.markup import Cells, Html, element, folded, hours_text, join, metric_name, metric_rank, table
from dashboard.studies import Setting
from dashboard.view import Row
from storage.json_text import MISFIT, number, read_object, word

_MARKS = {"better": "✓ better", "worse": "✗ worse", "unclear": "? unclear"}
_NOTE = (
    "Change of the error against the first version, on the same videos, seeds and test sequences; negative is better. "
    "Intervals are 95 %; the verdict holds for all versions of a setting together (Bonferroni), and is about the mean "
    "over all sizes with film."
)


@dataclass(frozen=True)
class _Row:
    where: str
    series: str
    change: str
    answer: str
    sizes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Comparison:
    words: Mapping[str, str]
    rows: tuple[_Row, ...]


def words_of(runs: Iterable[Row]) -> dict[str, str]:
    """What sets each series apart that was compared, by name; the first of each study tells what it was."""
    return {series: words for comparison in _newest(runs) for series, words in comparison.words.items()}


def compared_table(runs: Iterable[Row]) -> Html:
    """One table a comparison, each size behind a fold; nothing where no versions were compared."""
    parts = [_table(comparison) for comparison in _newest(runs) if comparison.rows]
    return join(element("h3", "Label versions compared"), element("p", _NOTE), *parts) if parts else join()


def _newest(runs: Iterable[Row]) -> list[_Comparison]:
    newest: dict[tuple[str, ...], _Comparison] = {}
    for row in sorted((row for row in runs if row["kind"] == "study"), key=lambda row: row["started_at"]):
        comparison = _read(row)
        if comparison is not None:
            newest[tuple(comparison.words)] = comparison
    return list(newest.values())


def _read(row: Row) -> _Comparison | None:
    """None for a row of another kind of study, and for what a stranger made of one."""
    try:
        content = read_object(row["config"])
        words = {word(series): word(text) for series, text in content["versions"]["words"].items()}
        ordered = sorted(content["compared"], key=lambda curve: _order(curve["of"]))
        rows = tuple(_row(curve["of"], raw_row) for curve in ordered for raw_row in curve["rows"])
        return _Comparison(words, rows) if words and {compared.series for compared in rows} <= set(words) else None
    except MISFIT:
        return None


def _row(of: Mapping[str, str], raw: Mapping[str, Any]) -> _Row:
    sizes = tuple((hours_text(number(hours)), _between(change)) for hours, change in raw["at_sizes"])
    return _Row(_where(of), word(raw["series"]), _between(raw["change"]), _MARKS[raw["answer"]], sizes)


def _table(found: _Comparison) -> Html:
    first = next(iter(found.words))
    caption = f"Against {found.words[first]} ({first})"
    rows: list[Cells] = [(row.where, found.words[row.series], row.change, row.answer) for row in found.rows]
    sizes: list[Cells] = [
        (row.where, found.words[row.series], hours, change) for row in found.rows for hours, change in row.sizes
    ]
    return join(
        table(caption, ["where", "labels", "mean change with film", "verdict"], rows),
        folded("Each size", table(caption, ["where", "labels", "added video", "change"], sizes)),
    )


def _order(of: Mapping[str, str]) -> tuple[Any, ...]:
    """As the curves are ordered: test sets before dev, PA-MPJPE before others."""
    return (of["split"] == "dev", of["metric"] != "pa_mpjpe_mm", metric_rank(of["metric"]), _where(of))


def _where(of: Mapping[str, str]) -> str:
    setting = Setting(of["dataset"], of["split"], of["protocol"], of["metric"])
    return f"{metric_name(setting.metric)}, {setting.dataset} {setting.split}, φ {of['phi_name']}"


def _between(value: Mapping[str, Any]) -> str:
    middle, low, high = (number(value[name]) for name in ("value", "low", "high"))
    return f"{middle:+.2f} [{low:+.2f}, {high:+.2f}]"
