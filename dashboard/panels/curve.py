"""The data-scale curve, the share of the gap that was closed, and what so many seeds can say."""

from collections.abc import Collection, Mapping, Sequence

from dashboard.charts import Chart, Choice, chart_html
from dashboard.compared import compared_table, words_of
from dashboard.curve_data import CURVE_VARIANTS, Curve, Point, Setting, ceiling_of, curves, gap_closed, settings
from dashboard.curve_figure import curve_figure
from dashboard.fit_bands import fitted_studies
from dashboard.markup import Html, element, join
from dashboard.panel import Panel
from dashboard.series import rank, shown_first
from dashboard.tables import folded, paragraphs, table
from dashboard.units import hours_text, metric_name, share_text
from dashboard.view import LakeView
from dashboard.words import direction, seeds_say

_FIRST_METRIC = "pa_mpjpe_mm"


def curve_panel(view: LakeView) -> Panel:
    """Error against added hours, for each test set, protocol and metric that has been scored."""
    words = words_of(view.runs)
    found = [(setting, curves(view.scores, setting, words)) for setting in settings(view.scores)]
    drawn = [(setting, lines) for setting, lines in found if any(line.variant in CURVE_VARIANTS for line in lines)]
    if not drawn:
        body = element("p", "No trained model has been scored in this lake yet, so there is no curve.", class_="empty")
        return Panel("curve", "Error against added video", body)
    drawn.sort(key=lambda pair: pair[0].metric != _FIRST_METRIC)
    first = _with_compared(shown_first(view.scores), words)
    ordered = [(setting, sorted(lines, key=lambda line: rank(line.study, first))) for setting, lines in drawn]
    return Panel("curve", "Error against added video", _body(view, ordered, first))


def _body(view: LakeView, drawn: Sequence[tuple[Setting, list[Curve]]], first: Sequence[str]) -> Html:
    """Chart, words and tables; series other than `first` are drawn when their box is ticked."""
    fits = fitted_studies(view.runs)
    known = {row["run_id"] for row in view.runs}
    every = {line.name: line.study for _, lines in drawn for line in lines if line.phi_name}
    names = sorted(every, key=lambda name: (rank(every[name], first), name))
    choices = [
        Choice(setting_name(setting), curve_figure(lines, setting.metric, [f for f in fits if f.setting == setting]))
        for setting, lines in drawn
    ]
    label = "Chart of 3D error against hours of added video; the table below it holds the same numbers"
    chart = Chart("curve", label, choices, groups=names, group_title="Studies and features",
                  ticked=[name for name in names if every[name] in first] or None)  # fmt: skip
    seeds = max(len(line.seeds) for _, lines in drawn for line in lines if line.variant in CURVE_VARIANTS)
    first_setting, first_lines = drawn[0]
    told = [direction(line) for line in first_lines if line.variant in CURVE_VARIANTS and line.study in first]
    return join(
        chart_html(chart),
        paragraphs(f"On {setting_name(first_setting)}:", *told),
        element("p", seeds_say(seeds), class_="seeds"),
        _gap_table([(setting, [line for line in lines if line.study in first]) for setting, lines in drawn]),
        compared_table(view.runs),
        folded("The numbers behind the chart", *[_numbers(setting, lines, known) for setting, lines in drawn]),
    )


def _with_compared(first: Sequence[str], words: Mapping[str, str]) -> list[str]:
    """What is shown first, and the label versions that one of it was compared with."""
    roots = {series.split("/")[0] for series in first if series in words}
    return [*first, *(series for series in words if series.split("/")[0] in roots and series not in first)]


def setting_name(setting: Setting) -> str:
    """One line for a drop-down list."""
    return f"{metric_name(setting.metric)}, {setting.dataset} {setting.split}, protocol {setting.protocol}"


def _gap_table(drawn: Sequence[tuple[Setting, list[Curve]]]) -> Html:
    rows = [
        (setting_name(setting), line.name, line.mean(line.hours[0]), line.mean(line.hours[-1]), ceiling.overall(),
         share_text(gap_closed(line, ceiling)))
        for setting, lines in drawn
        for line in lines
        if line.variant in CURVE_VARIANTS and (ceiling := ceiling_of(line, lines)) is not None
    ]  # fmt: skip
    if not rows:
        return join()
    caption = "Share of the gap between no pseudo-labels and the supervised ceiling that was closed"
    return table(caption, ["where", "study", "no pseudo-labels", "all", "ceiling", "closed"], rows)


def _numbers(setting: Setting, lines: Sequence[Curve], known: Collection[str]) -> Html:
    rows = [
        (line.name, line.variant, hours_text(hours), line.mean(hours), _singles(line, hours, known))
        for line in lines
        for hours in line.hours
    ]
    return table(setting_name(setting), ["study", "variant", "added video", "mean", "single seeds"], rows)


def _singles(line: Curve, hours: float, known: Collection[str]) -> Html:
    """The value of each seed, as a link where the lake has the run; a baseline has none."""
    points = [point for point in line.points if point.hours == hours]
    values = [_single(point, linked=point.run_id in known) for point in points]
    return join(*[part for value in values for part in (value, " ")][:-1])


def _single(point: Point, *, linked: bool) -> Html:
    name = f"{point.value:.2f}"
    return element("a", name, href=f"#run-{point.run_id}") if linked else join(name)
