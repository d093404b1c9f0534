"""What the labels are worth against known truth: every table of `hmmr harvest measure`, with bars and diagrams.

A row of `runs` of kind "label_quality" holds one part: `config` is
{"label_quality": {"part": ..., "place": ..., "tables": [...]}}. A lake may come from anybody, so it is checked.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from dashboard.charts import colour
from dashboard.markup import Html, Panel, bars, element, join, paragraphs, short, table, when
from dashboard.view import LakeView, Row
from storage.json_text import MISFIT, read_object

_TITLE = "Label quality"
KIND = "label_quality"
"""Kind of the rows of `runs` that hold one part of a measurement."""

_SIZE, _MARGIN = 300, 44
_INNER = _SIZE - 2 * _MARGIN
_LARGEST_PX, _SMALLEST_PX = 12.0, 2.5

Cell = str | int | float | None


@dataclass(frozen=True)
class LabelTable:
    """One table as evaluation/label_quality/table.py writes it."""

    key: str
    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    bar: str
    chart: str


@dataclass(frozen=True)
class LabelPart:
    """One part, and the row of `runs` that it is from."""

    run: Row
    tables: Sequence[LabelTable]


def labels_panel(view: LakeView) -> Panel:
    """The tables of each part's newest measurement, after a list of links to them."""
    parts = newest_parts(view)
    if not parts:
        command = element("code", "hmmr harvest measure")
        hint = element("p", "No label quality has been measured: ", command, " does it.", class_="empty")
        return Panel("labels", _TITLE, hint)
    shown = [(part.run, label_table) for part in parts for label_table in part.tables]
    links = [
        element("li", element("a", label_table.title, href=f"#labels-{n}")) for n, (_, label_table) in enumerate(shown)
    ]
    body = [_part(n, run, label_table) for n, (run, label_table) in enumerate(shown)]
    return Panel("labels", _TITLE, join(element("nav", element("ul", *links), aria_label=_TITLE), *body))


def _part(n: int, run: Row, each: LabelTable) -> Html:
    heading = element("h3", each.title, id=f"labels-{n}")
    origin = element("p", element("code", run["command"]), f", {when(run['started_at'])}, code {short(run['commit'])}.",
                     class_="quiet")  # fmt: skip
    note = paragraphs(each.note.replace("`", "")) if each.note else None
    return join(heading, note, _diagram(each), _table(each), origin)


def _table(each: LabelTable) -> Html:
    if each.bar in each.columns:
        return bars(f"{each.title} (bars: {each.bar})", each.columns, each.rows, of=list(each.columns).index(each.bar))
    return table(each.title, each.columns, each.rows)


def _diagram(each: LabelTable) -> Html | None:
    needed = ("mean score", "right", "joints")
    if each.chart != "reliability" or not set(needed) <= set(each.columns):
        return None
    at = [list(each.columns).index(name) for name in needed]
    numbers = [[row[k] for k in at] for row in each.rows]
    drawn = [Band(*map(float, row)) for row in numbers if all(isinstance(value, int | float) for value in row)]  # type: ignore[arg-type]
    bands_text = "; ".join(f"says {band.said:.2f}, right {band.right:.2f}" for band in drawn)
    return reliability(drawn, f"{each.title}: {bands_text}")


def newest_parts(view: LakeView) -> list[LabelPart]:
    """Of each part the newest, in the page's order; what holds no table is passed over."""
    newest: dict[str, tuple[float, LabelPart]] = {}
    for row in sorted(view.runs, key=lambda row: row["started_at"]):
        if row["kind"] == KIND and (read := _read_part(row)):
            name, place, tables = read
            newest[name] = place, LabelPart(row, tables)
    return [part for _, part in sorted(newest.values(), key=lambda pair: pair[0])]


def _read_part(row: Row) -> tuple[str, float, list[LabelTable]] | None:
    try:
        content = read_object(row["config"])[KIND]
        tables = [table for raw in content["tables"] if (table := _read_table(raw)) is not None]
        return (str(content["part"]), float(content["place"]), tables) if tables else None
    except MISFIT:
        return None


def _read_table(raw: Mapping[str, Any]) -> LabelTable | None:
    columns = [str(name) for name in raw["columns"]]
    rows = [[_cell(value) for value in row] for row in raw["rows"]]
    if any(len(row) != len(columns) for row in rows):
        return None
    words = {name: str(raw.get(name, "")) for name in ("key", "title", "note", "bar", "chart")}
    return LabelTable(columns=columns, rows=rows, **words)


def _cell(value: Any) -> Cell:
    """Bars and diagrams are drawn with finite numbers; NaN, and whole numbers larger than a float, are words."""
    try:
        return value if value is None or isinstance(value, bool) or math.isfinite(value) else str(value)
    except (TypeError, OverflowError):
        return str(value)


@dataclass(frozen=True)
class Band:
    """Scores of one band: their mean, the share that is right, both 0 to 1, and how many there are."""

    said: float
    right: float
    count: float


def reliability(bands: Sequence[Band], label: str) -> Html:
    """A dot a band, its area in proportion to its count; on the dashed line a score means what it says."""
    most = max((band.count for band in bands), default=1.0) or 1.0
    tint = colour(0)
    line = element("polyline", points=" ".join(f"{_x(b.said):.1f},{_y(b.right):.1f}" for b in bands), fill="none",
                   stroke=tint, stroke_width=1.5)  # fmt: skip
    dots = [_dot(band, most, tint) for band in bands]
    ideal = element("line", x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(1), stroke="#555", stroke_dasharray="4 4")
    return element(
        "svg", *_axes(), ideal, line, *dots, viewBox=f"0 0 {_SIZE} {_SIZE}", width=_SIZE, height=_SIZE, role="img",
        aria_label=label, style="max-width: 100%; height: auto",
    )  # fmt: skip


def _dot(band: Band, most: float, tint: str) -> Html:
    radius = max(_SMALLEST_PX, _LARGEST_PX * sqrt(max(band.count, 0.0) / most))
    title = element("title", f"says {band.said:.3f}, right {band.right:.3f}, {band.count:,.0f} joints")
    return element("circle", title, cx=f"{_x(band.said):.1f}", cy=f"{_y(band.right):.1f}", r=f"{radius:.1f}", fill=tint,
                   fill_opacity=0.75)  # fmt: skip


def _axes() -> list[Html]:
    parts = [element("rect", x=_MARGIN, y=_MARGIN, width=_INNER, height=_INNER, fill="#fafafa", stroke="#999")]
    for share in (0.0, 0.5, 1.0):
        text = f"{share:g}"
        parts.append(element("text", text, x=_x(share), y=_y(0) + 16, text_anchor="middle", font_size=12))
        parts.append(element("text", text, x=_MARGIN - 6, y=_y(share) + 4, text_anchor="end", font_size=12))
    parts.append(element("text", "what the score says", x=_SIZE / 2, y=_SIZE - 8, text_anchor="middle", font_size=13))
    parts.append(element("text", "share that is right", x=14, y=_SIZE / 2, text_anchor="middle", font_size=13,
                         transform=f"rotate(-90 14 {_SIZE // 2})"))  # fmt: skip
    return parts


def _x(share: float) -> float:
    return _MARGIN + _INNER * min(max(share, 0.0), 1.0)


def _y(share: float) -> float:
    return _SIZE - _MARGIN - _INNER * min(max(share, 0.0), 1.0)
