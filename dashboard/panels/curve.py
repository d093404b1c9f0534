"""The data-scale curve: its chart, the share of the gap that was closed, and what so many seeds can say."""

from collections.abc import Collection, Mapping, Sequence

from dashboard.markup import (
    Html,
    Panel,
    element,
    folded,
    hours_text,
    join,
    paragraphs,
    share_text,
    table,
)
from dashboard.panels.compare import compare_chart
from dashboard.panels.compared import compared_table, words_of
from dashboard.studies import (
    CURVE_VARIANTS,
    Curve,
    Point,
    Setting,
    ceiling_of,
    curves,
    fitted_studies,
    gap_closed,
    rank,
    settings,
    shown_first,
)
from dashboard.view import LakeView

_FIRST_METRIC = "pa_mpjpe_mm"


def curve_panel(view: LakeView) -> Panel:
    """Error against added hours, for each test set, protocol and metric that has been scored."""
    words = words_of(view.runs)
    setting_curves = [(setting, curves(view.scores, setting, words)) for setting in settings(view.scores)]
    drawn = [
        (setting, lines) for setting, lines in setting_curves if any(line.variant in CURVE_VARIANTS for line in lines)
    ]
    if not drawn:
        body = element("p", "No trained model has been scored in this lake yet, so there is no curve.", class_="empty")
        return Panel("curve", "Error against added video", body)
    drawn.sort(key=lambda pair: pair[0].metric != _FIRST_METRIC)
    first = _with_compared(shown_first(view.scores), words)
    ordered = [(setting, sorted(lines, key=lambda line: rank(line.study, first))) for setting, lines in drawn]
    return Panel("curve", "Error against added video", _body(view, ordered, first))


def _body(view: LakeView, drawn: Sequence[tuple[Setting, list[Curve]]], first: Sequence[str]) -> Html:
    """Chart, words and tables; series other than `first` are drawn when they are picked."""
    known = {row["run_id"] for row in view.runs}
    seeds = max(len(line.seeds) for _, lines in drawn for line in lines if line.variant in CURVE_VARIANTS)
    first_setting, first_lines = drawn[0]
    directions = [direction(line) for line in first_lines if line.variant in CURVE_VARIANTS and line.study in first]
    return join(
        compare_chart(drawn, fitted_studies(view.runs), known, first),
        paragraphs(f"On {first_setting.name}:", *directions),
        element("p", seeds_say(seeds), class_="seeds"),
        _gap_table([(setting, [line for line in lines if line.study in first]) for setting, lines in drawn]),
        compared_table(view.runs),
        folded("The numbers behind the chart", *[_numbers(setting, lines, known) for setting, lines in drawn]),
    )


def _with_compared(first: Sequence[str], words: Mapping[str, str]) -> list[str]:
    """What is shown first, and the label versions that one of it was compared with."""
    roots = {series.split("/")[0] for series in first if series in words}
    return [*first, *(series for series in words if series.split("/")[0] in roots and series not in first)]


def _gap_table(drawn: Sequence[tuple[Setting, list[Curve]]]) -> Html:
    rows = [
        (setting.name, line.name, line.mean(line.hours[0]), line.mean(line.hours[-1]), ceiling.overall(),
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
    return table(setting.name, ["study", "variant", "added video", "mean", "single seeds"], rows)


def _singles(line: Curve, hours: float, known: Collection[str]) -> Html:
    """The value of each seed, as a link where the lake has the run; a baseline has none."""
    points = [point for point in line.points if point.hours == hours]
    values = [_single(point, linked=point.run_id in known) for point in points]
    return join(*[part for value in values for part in (value, " ")][:-1])


def _single(point: Point, *, linked: bool) -> Html:
    name = f"{point.value:.2f}"
    return element("a", name, href=f"#run-{point.run_id}") if linked else join(name)


_ENOUGH = 3
"""Fewer runs a size than this give no honest interval (docs/conventions.md 7)."""


def seeds_say(seeds: int) -> str:
    """What this many runs of each size can carry."""
    if seeds <= 0:
        return "No run has been scored yet, so nothing can be said."
    chance = f"1 of {2**seeds:,}" if seeds < 40 else "next to no"
    if seeds == 1:
        return (
            "One seed: the curve shows one run of each size. It cannot tell an effect of the added video from the luck "
            "of one start: without any effect it would go down in 1 of 2 cases."
        )
    can = f"{_count(seeds)} seeds: if the added video did nothing, all of them would still fall in {chance} cases."
    if seeds < _ENOUGH:
        return (
            f"{can} They show the direction and its rough size. They cannot give an interval, rule out that single "
            "steps go up, or tell one law of decay from another: that takes at least three seeds and five sizes."
        )
    return (
        f"{can} With the test sequences they give intervals and a verdict; effects smaller than the spread between the "
        "seeds stay invisible, and nothing here speaks of sizes beyond the largest one."
    )


def direction(curve: Curve) -> str:
    """What happened from the smallest to the largest size, seed by seed."""
    hours = curve.hours
    if len(hours) < 2:
        return f"{curve.name}: only one size has been scored, so there is no curve yet."
    first, last = ({p.seed: p.value for p in curve.points if p.hours == size} for size in (hours[0], hours[-1]))
    shared = sorted(first.keys() & last.keys())
    better = sum(last[seed] < first[seed] for seed in shared)
    start, end = curve.mean(hours[0]), curve.mean(hours[-1])
    relative = (end - start) / start * 100 if start else 0.0
    span = f"from {hours_text(hours[0])} to {hours_text(hours[-1])}"
    return f"{curve.name}: {end - start:+.1f} ({relative:+.1f} %) {span}; lower in {better} of {len(shared)} seeds."


def _count(seeds: int) -> str:
    return {2: "Two", 3: "Three", 4: "Four", 5: "Five"}.get(seeds, f"{seeds}")
