"""The answer first: one sentence, the numbers behind it, the curve with its lines labelled at their ends, and all
variants in order. Drawn as SVG here, so that it is seen without a script and in any colour scheme.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.charts import COLOURS, HoursAxis
from dashboard.markup import (
    Child,
    Html,
    Panel,
    clipped,
    element,
    facts,
    hours_text,
    join,
    metric_name,
    share_text,
    variant_name,
)
from dashboard.studies import (
    CURVE_VARIANTS,
    Curve,
    Fitted,
    Setting,
    ceiling_of,
    curves,
    fitted_studies,
    gap_closed,
    settings,
    shown_first,
)
from dashboard.view import LakeView
from storage.json_text import MISFIT

TITLE = "The answer"
FIRST_METRIC = "pa_mpjpe_mm"
BAR_METRICS = ("mpjpe_mm", "pa_mpjpe_mm", "accel_error_mm_frame2")
MOST_SERIES = 3
LEVELS: Mapping[str, tuple[str, str]] = {
    "ceiling": ("true 3D of the film", "true 3D"), "zero_shot_smoothed": ("2D network, smoothed", "2D net"),
    "zero_shot": ("2D network alone", "2D net"), "no_film_best_step": ("no film", "no film"),
}  # fmt: skip
"""Variants that are drawn as grey levels, with the words at their ends on a desktop and on a phone; of the 2D network's
two only the first."""


@dataclass(frozen=True)
class Answer:
    """What is told of one series of a study in one setting."""

    setting: Setting
    curve: Curve
    lines: Sequence[Curve]
    """All curves and levels of the setting, this one among them."""
    fitted: Fitted | None

    @property
    def start(self) -> float:
        """Mean error without film, in the metric's unit."""
        return self.curve.mean(self.curve.hours[0])

    @property
    def end(self) -> float:
        """Mean error with all film."""
        return self.curve.mean(self.curve.hours[-1])

    @property
    def closed(self) -> float | None:
        """Share of the way to full supervision; see studies.gap_closed."""
        return gap_closed(self.curve, ceiling_of(self.curve, self.lines))


def answers(view: LakeView) -> list[Answer]:
    """Of the newest study the main series of each φ, on its first test set; empty where nothing was scored."""
    first = shown_first(view.scores)[:1]
    ordered = sorted(settings(view.scores), key=lambda s: (s.split == "dev", s.metric != FIRST_METRIC))
    for setting in ordered:
        lines = curves(view.scores, setting)
        mine = [line for line in lines if line.variant in CURVE_VARIANTS and line.study in first]
        if mine:
            fits = {(f.study, f.phi_name): f for f in fitted_studies(view.runs) if f.setting == setting}
            return [Answer(setting, line, lines, fits.get((line.study, line.phi_name))) for line in mine[:MOST_SERIES]]
    return []


def answer_panel(view: LakeView, lead: Sequence[str] = ()) -> Panel:
    """Sentence, cards, curve and order of the newest study. `lead` are the caller's own sentences in its place."""
    lake_answers = answers(view)
    if not lake_answers:
        no_scores = (
            "No trained model has been scored in this lake yet; hmmr study run, hmmr evaluate or make quickstart do."
        )
        return Panel("answer", TITLE, element("p", no_scores, class_="empty"))
    main = lake_answers[0]
    sentences = lead or [sentence(main)]
    where = f"{main.setting.name}. {_study_words(main.curve)}"
    return Panel(
        "answer",
        TITLE,
        join(
            *[element("p", text, class_="lead") for text in sentences],
            element("p", where, class_="quiet"),
            facts(cards(main)),
            *[_curve_svg(lake_answers, width, name) for width, name in ((760, "wide"), (350, "narrow"))],
            _bars(view, main),
        ),
    )


def curve_picture(view: LakeView) -> str | None:
    """The curve as an SVG picture that stands alone, on white; None where nothing was scored."""
    lake_answers = answers(view)
    if not lake_answers:
        return None
    colours = "--quiet: #555; --faint: #e6e6e6; --bar: #9aa7b3; --mine: #0072B2; background: #fff"
    rules = ("text { fill: var(--quiet); } .grid { stroke: var(--faint); } "
             ".level { stroke: var(--bar); stroke-width: 2; stroke-dasharray: 7 4; }")  # fmt: skip
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="320" style="{colours}; '
            f'font: 13px sans-serif"><style>{rules}</style>')  # fmt: skip
    return f"{head}{_curve_svg(lake_answers, 760, 'wide')}</svg>"


def sentence(answer: Answer) -> str:
    """What the study says in one sentence, from its own numbers, with its verdict and what more would give."""
    name = metric_name(answer.setting.metric).removesuffix(" (mm)")
    hours = answer.curve.hours
    if len(hours) < 2:
        return (
            f"{answer.end:.1f} mm {name} at {hours_text(hours[-1])} of film: one size only, so there is no curve yet."
        )
    change = f"{answer.start:.1f} to {answer.end:.1f} mm {name} over {hours_text(hours[-1])} of film"
    parts = [f"{_claim(answer)}: {change}"]
    if answer.closed is not None:
        parts[0] += f", {share_text(answer.closed)} of the way to full supervision"
    parts.append(_verdict(answer.fitted) or f"{len(answer.curve.seeds)} seeds, too few for a verdict")
    parts += [more] if (more := _one_more_hour(answer.fitted)) else []
    return "; ".join(parts) + "."


def _claim(answer: Answer) -> str:
    """As strong as the verdict, and no stronger."""
    verdict = answer.fitted.report.get("verdict") if answer.fitted else None
    if answer.end >= answer.start:
        return "More video did not help"
    return "More video helps" if verdict == "holds" else "The error fell"


def _verdict(fitted: Fitted | None) -> str | None:
    try:
        report: Mapping[str, Any] = fitted.report if fitted else {}
        words = {"holds": "holds", "fails": "does not hold", "undecided": "undecided"}[report["verdict"]]
        return f"{words}, p = {float(report['trend_p']):.2g} (0.05 is the threshold)"
    except MISFIT:
        return None


def _one_more_hour(fitted: Fitted | None) -> str | None:
    """Only by a law that the data identify."""
    try:
        report: Mapping[str, Any] = fitted.report if fitted else {}
        marginal = report["marginal"]
        if report["fits"][marginal["law"]]["why_not"]:
            return "what one more hour would give is not known: no law is identified"
        return f"one more hour would give about {float(marginal['per_next_hour']['value']):.2g} mm"
    except MISFIT:
        return None


def _study_words(curve: Curve) -> str:
    return f"Study {curve.study or 'without a name'}, feature {curve.phi_name or 'none'}, {len(curve.seeds)} seeds."


def cards(answer: Answer) -> list[tuple[str, Child]]:
    """The numbers of a series, as names and values."""
    unit = "mm" if "(mm)" in metric_name(answer.setting.metric) else ""
    cards: list[tuple[str, Child]] = [
        ("error with all film", f"{answer.end:.1f} {unit}"),
        ("without film", f"{answer.start:.1f} {unit}"),
        ("gap closed", share_text(answer.closed)),
        ("added film", hours_text(answer.curve.hours[-1])),
    ]
    saved, hours = answer.start - answer.end, answer.curve.hours[-1]
    cards.append(("film a mm saved", hours_text(hours / saved) if saved > 0 else "none saved"))
    return cards


@dataclass(frozen=True)
class _Label:
    """A word at the end of a line, where it would like to be (y in px)."""

    y: float
    text: str
    tint: str


def _levels(answer: Answer, *, narrow: bool) -> list[tuple[str, float]]:
    """At most three grey levels, each (words, value)."""
    values = {
        line.variant: line.overall()
        for line in answer.lines
        if line.variant in LEVELS and line.study == answer.curve.study and line.phi_name in ("", answer.curve.phi_name)
    }
    if (ceiling := ceiling_of(answer.curve, answer.lines)) is not None:
        values["ceiling"] = ceiling.overall()
    if "zero_shot_smoothed" in values:
        values.pop("zero_shot", None)
    return [(words[narrow], values[variant]) for variant, words in LEVELS.items() if variant in values]


def _curve_svg(told: Sequence[Answer], width: int, name: str) -> Html:
    """Error against film; series in colour, levels in grey, each labelled at its right end."""
    narrow = width < 500
    height, left, right, top, bottom = 320, 48, 118 if narrow else 190, 30, 44
    axis = HoursAxis.of(hours for answer in told for hours in answer.curve.hours)
    levels = _levels(told[0], narrow=narrow)
    values = [point.value for answer in told for point in answer.curve.points] + [value for _, value in levels]
    low, high = _padded(min(values), max(values))
    last = max(axis.place(size) for size in axis.sizes) or 1.0

    def x(hours: float) -> float:
        return left + (width - left - right) * axis.place(hours) / last

    def y(value: float) -> float:
        return top + (height - top - bottom) * (high - value) / (high - low)

    names = short_names([answer.curve.name for answer in told], "film" if narrow else "HMMR with film")
    parts, labels = [*_axes(axis, (low, high), x, y, (left, width - right, height - bottom))], []
    parts.append(element("text", metric_name(told[0].setting.metric), x=4, y=14))
    for words, value in levels:
        parts.append(element("line", x1=left, x2=width - right, y1=f"{y(value):.1f}", y2=f"{y(value):.1f}",
                             class_="level"))  # fmt: skip
        labels.append(_Label(y(value), f"{words} {value:.1f}", "var(--quiet)"))
    for place, (answer, short) in enumerate(zip(told, names, strict=True)):
        tint = COLOURS[place] if place else "var(--mine)"  # lighter in the dark
        line = " ".join(f"{x(h):.1f},{y(answer.curve.mean(h)):.1f}" for h in answer.curve.hours)
        parts += [
            element(
                "circle", cx=f"{x(p.hours):.1f}", cy=f"{y(p.value):.1f}", r=3.5, fill="none", style=f"stroke: {tint}"
            )
            for p in answer.curve.points
        ]
        parts.append(element("polyline", points=line, fill="none", style=f"stroke: {tint}", stroke_width=3))
        shown = clipped(short, 8) if narrow else short
        labels.append(_Label(y(answer.end), f"{shown} {answer.end:.1f}", tint))
    ends = [
        element("text", label.text, x=width - right + 6, y=f"{at + 4:.1f}", style=f"fill: {label.tint}")
        for label, at in spread(labels, top, height - bottom)
    ]
    alt = "; ".join(label.text for label in labels)
    return element("svg", *parts, *ends, viewBox=f"0 0 {width} {height}", role="img", class_=f"curve {name}",
                   aria_label=f"{told[0].setting.name} against hours of added film: {alt}")  # fmt: skip


def _padded(low: float, high: float) -> tuple[float, float]:
    room = (high - low or abs(high) or 1.0) * 0.08
    return low - room, high + room


def _axes(axis: HoursAxis, span: tuple[float, float], x: Any, y: Any, box: tuple[float, float, float]) -> list[Html]:
    left, right, bottom = box
    parts = []
    for value in round_steps(*span):
        parts.append(element("line", x1=left, x2=right, y1=f"{y(value):.1f}", y2=f"{y(value):.1f}", class_="grid"))
        parts.append(element("text", f"{value:g}", x=left - 6, y=f"{y(value) + 4:.1f}", text_anchor="end"))
    ticks = [axis.sizes[0], *axis.sizes[1:]][:: max(1, len(axis.sizes) // (5 if right > 300 else 3))]
    for hours in dict.fromkeys([*ticks, axis.sizes[-1]]):
        parts.append(element("text", hours_text(hours), x=f"{x(hours):.1f}", y=bottom + 18, text_anchor="middle"))
    parts.append(element("text", "added film", x=(left + right) / 2, y=bottom + 36, text_anchor="middle"))
    return parts


def round_steps(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers between low and high, some `about` of them: 1, 2 or 5 times a power of ten apart."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= raw)
    return [round(k * step, 10) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def spread(labels: Sequence[_Label], top: float, bottom: float, gap: float = 16.0) -> list[tuple[_Label, float]]:
    """Labels in order of height, moved apart so that none is written over another, within top and bottom (px)."""
    ordered = sorted(labels, key=lambda label: label.y)
    places: list[float] = []
    for label in ordered:
        places.append(max(label.y, places[-1] + gap if places else top))
    over = places[-1] - bottom if places else 0.0
    if over > 0:
        limit = bottom
        for k in range(len(places) - 1, -1, -1):
            places[k] = min(places[k], limit)
            limit = places[k] - gap
    return list(zip(ordered, places, strict=True))


def short_names(names: Sequence[str], rest: str) -> list[str]:
    """The names without the words that all of them share; `rest` where nothing is left."""
    words = [[word for part in name.split(" · ") for word in part.split("/")] for name in names]
    shared = set(words[0]).intersection(*words[1:]) if words else set()
    return [" ".join(word for word in name_words if word not in shared) or rest for name_words in words]


def _bars(view: LakeView, main: Answer) -> Html:
    """Each metric of the test set: all variants, the best first, as bars."""
    charts = []
    for metric in BAR_METRICS:
        setting = Setting(main.setting.dataset, main.setting.split, main.setting.protocol, metric)
        lines = [line for line in curves(view.scores, setting) if line.study == main.curve.study]
        rows = [row for line in lines for row in _ends(line) if line.phi_name in ("", main.curve.phi_name)]
        if len(rows) > 1:
            charts.append(_bar_list(metric_name(metric), sorted(rows, key=lambda row: row[1])))
    return (
        join(element("h3", "All variants, the best first"), element("div", *charts, class_="orders"))
        if charts
        else join()
    )


def _ends(line: Curve) -> list[tuple[str, float]]:
    """A curve gives its two ends, a level its mean."""
    if line.variant not in CURVE_VARIANTS:
        return [(variant_name(line.variant), line.overall())]
    ends = dict.fromkeys([line.hours[0], line.hours[-1]])
    return [(f"{variant_name(line.variant)}: {hours_text(hours)}", line.mean(hours)) for hours in ends]


def _bar_list(title: str, rows: Sequence[tuple[str, float]]) -> Html:
    most = max(value for _, value in rows) or 1.0
    items = [
        element(
            "li",
            element("span", name, class_="name"),
            element("span", f"{value:.1f}", class_="value"),
            element("span", class_="bar", style=f"width: {100 * max(value, 0) / most:.1f}%", aria_hidden="true"),
            class_="mine" if name.startswith(variant_name("semi")) else None,
        )
        for name, value in rows
    ]
    return element("div", element("h4", title), element("ol", *items, class_="order"))
