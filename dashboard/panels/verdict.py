"""What the statistics say about each study: verdict, trend, share of the gap, law, and what more video is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.markup import (
    Cells,
    Html,
    Panel,
    between,
    element,
    folded,
    hours_text,
    join,
    left_out,
    metric_rank,
    number,
    table,
    usable,
)
from dashboard.studies import Fitted, fitted_studies, rank, shown_first, unusable_studies
from dashboard.view import LakeView

_MARKS = {"holds": "✓ holds", "fails": "✗ fails", "undecided": "? undecided"}
_MOST_OPEN = 3


def verdict_panel(view: LakeView) -> Panel:
    """One box a fitted study and setting; the first few are open, main series and test sets before others."""
    first = shown_first(view.scores)

    def order(f: Fitted) -> tuple[Any, ...]:
        metric = metric_rank("pa_mpjpe_mm" if f.setting.metric == "pa_mpjpe_mm" else f"~{f.setting.metric}")
        where = (f.setting.split == "dev", f.setting.dataset)
        return (f.study not in first, metric, *where, rank(f.study, first), f.phi_name)

    shown, misfits = usable(sorted(fitted_studies(view.runs), key=order), _shown)
    strange = [*unusable_studies(view.runs), *[fitted.run_id for fitted in misfits]]
    note = left_out("these runs carry a report that cannot be read", strange)
    title = "Does more video help, monotonically?"
    if not shown:
        no_verdict = (
            "No study of this lake has been fitted yet; a verdict needs hmmr study run, three seeds and several sizes."
        )
        return Panel("verdict", title, join(element("p", no_verdict, class_="empty"), note))
    boxes = [report.box for report in shown]
    rest = folded(f"{len(boxes) - _MOST_OPEN} more", *boxes[_MOST_OPEN:]) if len(boxes) > _MOST_OPEN else None
    return Panel("verdict", title, join(_overviews(shown, first), *boxes[:_MOST_OPEN], rest, note))


@dataclass(frozen=True)
class _Shown:
    """A report as markup: its row of the overview, and its box."""

    study: str
    row: Cells
    box: Html


def _shown(fitted: Fitted) -> _Shown:
    return _Shown(fitted.study, _compared(fitted), _box(fitted))


def _overviews(shown: Sequence[_Shown], first: Sequence[str]) -> Html:
    """The main series in sight, the others behind a fold."""
    main = [report for report in shown if report.study in first] or list(shown)
    rest = [report for report in shown if report not in main]
    return join(_overview(main), folded(f"{len(rest)} further series and settings", _overview(rest)) if rest else None)


def _overview(shown: Sequence[_Shown]) -> Html:
    heads = ["where", "study", "verdict", "trend p", "change from none to all", "share of the gap closed"]
    return table("Studies compared; intervals are 95 %", heads, [report.row for report in shown])


def _compared(f: Fitted) -> Cells:
    report = f.report
    return (f.setting.name, f"{f.study} · {f.phi_name}", _MARKS[report["verdict"]], f"{report['trend_p']:.2g}",
            between(report["total_change"]), _share(report.get("gap_closed")))  # fmt: skip


def _box(fitted: Fitted) -> Html:
    report = fitted.report
    answer = report["verdict"]
    head = element("p", element("strong", _MARKS[answer]), f" {report['reason']}.")
    name = element("h3", f"{fitted.study} · {fitted.phi_name}: {fitted.setting.name}")
    counted = (
        f"{report['runs']} runs of {len(report['hours'])} sizes and {len(report['seeds'])} seeds on "
        f"{report['sequences']} test sequences."
    )
    parts = [element("p", counted), *_value(report), _more(report), _steps(report), _laws(report)]
    return join(name, element("div", head, *parts, class_=f"verdict {answer}"))


def _value(report: Mapping[str, Any]) -> list[Html]:
    value = report["marginal"]
    if not value.get("stands", True):  # reports of earlier code do not say whether a law is identified
        why = "the error does not depend on them, as far as these runs show"
        if report["law"] is None:
            why = f"no law of error against hours is identified ({report['no_law']})"
        return [element("p", f"One more hour has no price: {why}.")]
    worth = (
        f"At {hours_text(value['at_hours'])} one more hour lowers the error by {between(value['per_next_hour'])}, "
        f"a doubling by {between(value['per_doubling'])} ({value['law']} law; 95 % intervals over all laws)."
    )
    reaches = [
        f"To reach {number(reach['target'])}: "
        + (hours_text(reach["hours"]) if reach["hours"] is not None else "out of reach")
        + f" of film ({reach['share'] * 100:.0f} % of the refits get there)."
        for reach in value["reach"]
    ]
    why_not = report["fits"][value["law"]]["why_not"]
    doubt = [f"The data do not identify this law ({why_not}): take these numbers as guesses."] if why_not else []
    cost = value.get("cost_per_mm")
    costs = [f"Cost of one unit of error: {between(cost)}."] if cost else []
    return [element("p", text) for text in (worth, *reaches, *costs, *doubt)]


def _more(report: Mapping[str, Any]) -> Html | None:
    more = report.get("more_runs")
    if not more:
        return None
    if more["runs"] is None:
        return element("p", f"To decide: {more['note']}.")
    return element("p", f"To decide: {more['runs']} more runs would probably give {more['answer']} ({more['note']}).")


def _steps(report: Mapping[str, Any]) -> Html:
    rows = [
        (
            hours_text(step["from_hours"]),
            hours_text(step["to_hours"]),
            between(step["change"]),
            f"{step['p_helps']:.0%}",
        )
        for step in report["steps"]
    ]
    return folded("Each size against the one before", table("Paired on the same sequences", ["from", "to", "change",
                  "probability that it helps"], rows))  # fmt: skip


def _laws(report: Mapping[str, Any]) -> Html:
    rows = [_law(name, law) for name, law in sorted(report["fits"].items(), key=lambda item: -item[1]["weight"])]
    heads = ["law", "Akaike weight", "parameters", "foretells the largest size within", "identified"]
    return folded("Laws", table("Fits with intervals by refit", heads, rows))


def _law(name: str, law: Mapping[str, Any]) -> Cells:
    values = "; ".join(f"{key} {between(value)}" for key, value in law["parameters"].items())
    foretold = law.get("extrapolation")
    error = f"{foretold['error']:+.2f} ({foretold['relative'] * 100:+.1f} %)" if foretold else None
    return (name, f"{law['weight']:.2f}", values, error, "yes" if law["identified"] else f"no: {law['why_not']}")


def _share(closed: Mapping[str, float] | None) -> str | None:
    if not closed:
        return None
    return f"{closed['value'] * 100:.0f} % [{closed['low'] * 100:.0f}, {closed['high'] * 100:.0f}]"
