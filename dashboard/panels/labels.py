"""What the labels are worth against known truth: every table of `hmmr harvest measure`, with bars and diagrams."""

from dashboard.bars import bars
from dashboard.label_tables import LabelTable, newest_tables
from dashboard.markup import Html, element, join
from dashboard.panel import Panel
from dashboard.reliability import Band, reliability
from dashboard.tables import paragraphs, table
from dashboard.units import short, when
from dashboard.view import LakeView, Row

_TITLE = "Label quality"


def labels_panel(view: LakeView) -> Panel:
    """The tables of the newest measurement, after a list of links to them."""
    run, tables = newest_tables(view)
    if run is None:
        command = element("code", "hmmr harvest measure")
        hint = element("p", "No label quality has been measured: ", command, " does it.",
                       class_="empty")  # fmt: skip
        return Panel("labels", _TITLE, hint)
    links = [element("li", element("a", each.title, href=f"#labels-{n}")) for n, each in enumerate(tables)]
    parts = [_part(n, each) for n, each in enumerate(tables)]
    return Panel(
        "labels", _TITLE, join(_made_by(run), element("nav", element("ul", *links), aria_label=_TITLE), *parts)
    )


def _made_by(run: Row) -> Html:
    return element("p", "Measured by ", element("code", run["command"]),
                   f" on {when(run['started_at'])}, code {short(run['commit'])}.")  # fmt: skip


def _part(n: int, each: LabelTable) -> Html:
    heading = element("h3", each.title, id=f"labels-{n}")
    return join(heading, paragraphs(each.note) if each.note else None, _diagram(each), _table(each))


def _table(each: LabelTable) -> Html:
    if each.bar in each.columns:
        return bars(each.title, each.columns, each.rows, of=list(each.columns).index(each.bar))
    return table(each.title, each.columns, each.rows)


def _diagram(each: LabelTable) -> Html | None:
    needed = ("mean score", "right", "joints")
    if each.chart != "reliability" or not set(needed) <= set(each.columns):
        return None
    at = [list(each.columns).index(name) for name in needed]
    numbers = [[row[k] for k in at] for row in each.rows]
    drawn = [Band(*map(float, row)) for row in numbers if all(isinstance(value, int | float) for value in row)]  # type: ignore[arg-type]
    told = "; ".join(f"says {band.said:.2f}, right {band.right:.2f}" for band in drawn)
    return reliability(drawn, f"{each.title}: {told}")
