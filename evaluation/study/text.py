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
        f"  {report['runs']} runs, {len(report['hours'])} sizes, {report['sequences']} test sequences, "
        f"trend p = {report['trend_p']:.3g}",
        "",
        *_sizes(report, unit),
        "",
        *_laws(report),
        *_rest(report, unit),
    ]
    return "\n".join(lines)


def _sizes(report: dict[str, Any], unit: str) -> list[str]:
    lines = [f"{'hours':>10} {'runs':>5} {unit:>8}   95 % interval        change from the size before"]
    changes = ["", *[_between(found["change"], signed=True) for found in report["steps"]]]
    for size, change in zip(report["sizes"], changes, strict=True):
        spread = f"{size['low']:8.2f} to {size['high']:8.2f}"
        lines.append(f"{size['hours']:10.4g} {size['runs']:5d} {size['mean']:8.2f}   {spread} {change:>30}")
    return lines


def _laws(report: dict[str, Any]) -> list[str]:
    lines = []
    for name, law in sorted(report["fits"].items(), key=lambda item: -item[1]["weight"]):
        values = ", ".join(f"{key} {_between(value)}" for key, value in law["parameters"].items())
        note = "" if law["identified"] else f"  NOT IDENTIFIED: {law['why_not']}"
        lines.append(f"{name:>11}  weight {law['weight']:4.2f}  {values}{note}")
    return lines


def _rest(report: dict[str, Any], unit: str) -> list[str]:
    value = report["marginal"]
    lines = [
        f"next hour is worth {_between(value['per_next_hour'])} {unit}, a doubling {_between(value['per_doubling'])} "
        f"{unit} (by the {value['law']} law)"
    ]
    for reach in value["reach"]:
        hours = "out of reach" if reach["hours"] is None else f"{reach['hours']:.3g} hours"
        lines.append(f"to {reach['target']:.2f} {unit}: {hours} ({reach['share'] * 100:.0f} % of the refits get there)")
    if report["gap_closed"]:
        lines.append(f"share of the gap to the ceiling that was closed: {_between(report['gap_closed'])}")
    if report["more_runs"]:
        lines.append(f"to decide: {_more(report['more_runs'])}")
    return lines


def _more(more: dict[str, Any]) -> str:
    if more["runs"] is None:
        return str(more["note"])
    return f"{more['runs']} more runs would probably give '{more['answer']}' ({more['note']})"


def _between(value: dict[str, float], *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{value['value']:{sign}.3g} [{value['low']:{sign}.3g}, {value['high']:{sign}.3g}]"


def ranking_text(found: Sequence[Worth], unit: str = "mm") -> str:
    """Parts of a pool, the best an hour first; worth is error saved."""
    lines = [f"{'part':<28} {'hours':>7}  {unit + ' an hour':<30} {'alone':<26} {'on top of the rest':<26} verdict"]
    for one in found:
        spread = [_between(asdict(value)) for value in (one.per_hour, one.alone, one.on_top)]
        lines.append(f"{one.group:<28} {one.hours:7.3g}  {spread[0]:<30} {spread[1]:<26} {spread[2]:<26} {one.surely}")
    return "\n".join(lines)
