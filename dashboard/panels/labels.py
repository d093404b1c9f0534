"""What the labels are worth against known truth: every table of `hmmr harvest measure`, with bars and diagrams."""

from dashboard.bars import bars
from dashboard.label_tables import LabelTable, newest_parts
from dashboard.markup import Html, element, join
from dashboard.panel import Panel
from dashboard.reliability import Band, reliability
from dashboard.tables import paragraphs, table
from dashboard.units import short, when
from dashboard.view import LakeView, Row

_TITLE = "Label quality"


def labels_panel(view: LakeView) -> Panel:
    """The tables of each part's newest measurement, after a list of links to them."""
    parts = newest_parts(view)
    if not parts:
        command = element("code", "hmmr harvest measure")
        hint = element("p", "No label quality has been measured: ", command, " does it.", class_="empty")
        return Panel("labels", _TITLE, hint)
    shown = [(part.run, each) for part in parts for each in part.tables]
    links = [element("li", element("a", each.title, href=f"#labels-{n}")) for n, (_, each) in enumerate(shown)]
    body = [_part(n, run, each) for n, (run, each) in enumerate(shown)]
    return Panel("labels", _TITLE, join(element("nav", element("ul", *links), aria_label=_TITLE), *body))


def _part(n: int, run: Row, each: LabelTable) -> Html:
    heading = element("h3", each.title, id=f"labels-{n}")
    made = element("p", element("code", run["command"]), f", {when(run['started_at'])}, code {short(run['commit'])}.",
                   class_="quiet")  # fmt: skip
    note = paragraphs(each.note.replace("`", "")) if each.note else None
    return join(heading, note, _diagram(each), _table(each), made)


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
    told = "; ".join(f"says {band.said:.2f}, right {band.right:.2f}" for band in drawn)
    return reliability(drawn, f"{each.title}: {told}")
