"""A study's report in words, for a terminal."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from evaluation.study.parts import Worth


def text(report: dict[str, Any], unit: str = "mm") -> str:
    """The report of evaluation/study/report.py as lines to read."""
    lines = [
        f"More video helps, monotonically: {report['verdict'].upper()}",
        f"  {report['reason']}",
        f"  {_counted(report['runs'], 'run')}, {_counted(len(report['hours']), 'size')}, "
        f"{_counted(report['sequences'], 'test sequence')}, trend p = {report['trend_p']:.3g} "
        f"(below {report['trend_level']:g} counts)",
        "",
        *_sizes(report, unit),
        "",
        *_laws(report),
        *_value(report, unit),
    ]
    if report["gap_closed"]:
        lines.append(f"share of the gap to the ceiling that was closed: {_between(report['gap_closed'])}")
    if report["more_runs"]:
        lines.append(f"to decide: {_more(report['more_runs'])}")
    return "\n".join(lines)


_HOLDS = {
    "runs and sequences": "95 % interval",
    "sequences": "95 % of sequences",
    "none": "no interval",
}
_NOTES = {
    "sequences": "one run of each size: the intervals hold what other test sequences would change, not other runs",
    "none": "one run of each size on one test sequence: nothing shows how sure a number is",
}


def _sizes(report: dict[str, Any], unit: str) -> list[str]:
    bare = report["intervals"] == "none"
    lines = [f"{'hours':>10} {'runs':>5} {unit:>8}   {_HOLDS[report['intervals']]:<20} change from the size before"]
    steps = [step["change"] for step in report["steps"]]
    changes = ["", *[f"{change['value']:+.3g}" if bare else _between(change, signed=True) for change in steps]]
    for size, change in zip(report["sizes"], changes, strict=True):
        spread = "" if bare else f"{size['low']:8.2f} to {size['high']:8.2f}"
        lines.append(f"{size['hours']:10.4g} {size['runs']:5d} {size['mean']:8.2f}   {spread:<20} {change:>30}")
    note = _NOTES.get(report["intervals"])
    return [*lines, f"  {note}"] if note else lines


def _laws(report: dict[str, Any]) -> list[str]:
    """The identified law, then every fitted law with its weight; or the reason why no law is identified."""
    if report["law"] is None:
        return [f"no law of error against hours is identified: {report['no_law']}"]
    lines = [f"law: {report['law']}"]
    for name, law in sorted(report["fits"].items(), key=lambda item: -item[1]["weight"]):
        values = ", ".join(f"{key} {_between(value)}" for key, value in law["parameters"].items())
        note = "" if law["identified"] else f"  NOT IDENTIFIED: {law['why_not']}"
        lines.append(f"{name:>11}  weight {law['weight']:4.2f}  {values}{note}")
    return lines


def _value(report: dict[str, Any], unit: str) -> list[str]:
    """What the next hour is worth by the identified law."""
    value = report["marginal"]
    if report["law"] == "constant":
        return ["the error does not depend on the hours, as far as these runs show: the next hour has no price"]
    if not value["stands"]:
        return ["the next hour has no price without a law"]
    lines = [
        f"next hour is worth {_between(value['per_next_hour'])} {unit}, a doubling {_between(value['per_doubling'])} "
        f"{unit} (by the {value['law']} law; intervals over all laws by their weights)"
    ]
    if value["cost_per_mm"]:
        lines.append(f"one {unit} costs {_between(value['cost_per_mm'])}")
    return lines + [f"to {reach['target']:.2f} {unit}: {_reached(reach)}" for reach in value["reach"]]


def _reached(reach: dict[str, Any]) -> str:
    if reach["answer"] == "out of reach":
        return "out of reach by every law that fits"
    if reach["answer"] == "unclear":
        return f"the data cannot tell: {reach['share'] * 100:.0f} % of the refits get there"
    most = "no end" if reach["high"] is None else f"{reach['high']:.3g}"
    return f"{reach['hours']:.3g} hours [{reach['low']:.3g}, {most}]"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _more(more: dict[str, Any]) -> str:
    if more["runs"] is None:
        return str(more["note"])
    return f"{_counted(more['runs'], 'more run')} would probably give '{more['answer']}' ({more['note']})"


def _between(value: dict[str, float], *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{value['value']:{sign}.3g} [{value['low']:{sign}.3g}, {value['high']:{sign}.3g}]"


def ranking_text(worths: Sequence[Worth], unit: str = "mm") -> str:
    """The ranking of a pool's parts as lines, by error saved for each hour of video, the highest first."""
    lines = [f"{'part':<28} {'hours':>7}  {unit + ' an hour':<30} {'alone':<26} {'on top of the rest':<26} verdict"]
    for worth in worths:
        spread = [_between(asdict(value)) for value in (worth.per_hour, worth.alone, worth.on_top)]
        lines.append(
            f"{worth.group:<28} {worth.hours:7.3g}  {spread[0]:<30} {spread[1]:<26} {spread[2]:<26} {worth.surely}"
        )
    return "\n".join(lines)
