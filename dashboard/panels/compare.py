"""Series of studies held against each other in one chart: over each other, by test set, or as paired differences.

Python gives the numbers of every series and setting; compare.js draws what the reader picks, and keeps it in the
address. A series is a study with its label version, feature and pool; names leave out what all series share.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from dashboard.charts import data_block
from dashboard.markup import Html, element, metric_name, variant_name
from dashboard.panels.answer import LEVELS
from dashboard.studies import CURVE_VARIANTS, Curve, Fitted, Setting

_VIEWS = (("over", "over each other"), ("sets", "by test set"), ("change", "difference to the first"))
_LABEL = (
    "Chart of 3D error against hours of added video for the series that are picked; the tables below it hold the same "
    "numbers"
)


def compare_chart(
    drawn: Sequence[tuple[Setting, list[Curve]]], fits: Sequence[Fitted], known: Collection[str], first: Sequence[str]
) -> Html:
    """The chart with its controls. `drawn` are the curves and levels of each setting, `known` the ids of runs that the
    page has a row of, `first` the studies that are picked at first."""
    content = comparison(drawn, fits, known, first)
    views = [element("option", words, value=name) for name, words in _VIEWS]
    hours = [element("option", words, value=name) for name, words in (("log", "doubling"), ("linear", "linear"))]
    boxes = (_list("metric", "Error"), _list("protocol", "Protocol"), _list("set", "Test set"),
             _list("view", "Series", *views), _list("hours", "Hours", *hours))  # fmt: skip
    more = element("label", element("input", type="checkbox", class_="baselines"), " all baselines")
    picked = element("fieldset", element("legend", "Series"), element("div", class_="series"), class_="picked")
    share = element("button", "Copy a link to this view", type="button", class_="share")
    return element(
        "div",
        element("div", *boxes, more, class_="controls"),
        picked,
        element("div", class_="plot", id="plot-compare", role="img", aria_label=_LABEL),
        element("div", class_="said", aria_live="polite"),
        element("p", share, " ", element("span", class_="shared quiet", role="status")),
        data_block("data-compare", content),
        class_="compare",
    )


def _list(name: str, words: str, *options: Html) -> Html:
    choose = element("select", *options, class_=f"by-{name}", id=f"compare-{name}", autocomplete="off")
    return element("label", f"{words} ", choose)


def comparison(
    drawn: Sequence[tuple[Setting, list[Curve]]], fits: Sequence[Fitted], known: Collection[str], first: Sequence[str]
) -> dict[str, Any]:
    """What compare.js reads: {"series", "settings", "runs", "cells", "levels", "laws"}; a cell is [hours, seed, value,
    place in runs or -1] by setting and series, a level [words, value, whether it is drawn at once]."""
    keys = list(dict.fromkeys(_key(line) for _, lines in drawn for line in lines if line.variant in CURVE_VARIANTS))
    names = {_key(line): line for _, lines in drawn for line in lines if line.variant in CURVE_VARIANTS}
    place = {key: number for number, key in enumerate(keys)}
    runs: dict[str, int] = {}
    cells: list[dict[int, list[list[Any]]]] = []
    for _, lines in drawn:
        cells.append({
            place[_key(line)]: [
                [p.hours, p.seed, p.value, runs.setdefault(p.run_id, len(runs)) if p.run_id in known else -1]
                for p in line.points
            ]
            for line in lines if line.variant in CURVE_VARIANTS
        })  # fmt: skip
    return {
        "series": [_described(names[key], first) for key in keys],
        "settings": [
            {"metric": s.metric, "name": metric_name(s.metric), "set": f"{s.dataset} {s.split}", "protocol": s.protocol}
            for s, _ in drawn
        ],
        "runs": list(runs),
        "cells": cells,
        "levels": [{place[key]: _levels(key, lines) for key in keys} for _, lines in drawn],
        "laws": [_laws(setting, fits, keys, place) for setting, _ in drawn],
    }  # fmt: skip


_Key = tuple[str, str, str]


def _key(line: Curve) -> _Key:
    return line.study, line.phi_name, line.told


def _described(line: Curve, first: Sequence[str]) -> dict[str, Any]:
    """A series by a short stable id, and the words that its name is made of."""
    words = [*line.study.split("/"), *([line.told] if line.told else []), line.phi_name]
    digest = hashlib.sha256("\n".join(_key(line)).encode(errors="replace")).hexdigest()[:6]
    return {"id": digest, "words": [word for word in words if word], "name": line.name, "first": line.study in first}


def _levels(key: _Key, lines: Sequence[Curve]) -> list[list[Any]]:
    """Lines of the series' study and feature, and those that have no feature; the 2D network's own two only once."""
    study, phi_name, _ = key
    values = {
        line.variant: line.overall() for line in lines
        if line.variant not in CURVE_VARIANTS and line.study == study and line.phi_name in ("", phi_name)
    }  # fmt: skip
    at_once = {variant for variant in LEVELS if variant in values}
    if "zero_shot_smoothed" in values:
        at_once.discard("zero_shot")
    return [
        [LEVELS[variant][0] if variant in LEVELS else variant_name(variant), value, variant in at_once]
        for variant, value in values.items()
    ]


def _laws(
    setting: Setting, fits: Sequence[Fitted], keys: Sequence[_Key], place: Mapping[_Key, int]
) -> dict[int, dict[str, Any]]:
    laws = {(f.study, f.phi_name): f.law for f in fits if f.setting == setting and f.law is not None}
    return {
        place[key]: {"name": law.name, "line": [list(point) for point in law.curve]}
        for key in keys
        if (law := laws.get((key[0], key[1]))) is not None
    }
