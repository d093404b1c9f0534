"""The worst sequences as moving skeletons: what the model says about past, present and future, over the truth."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.markup import Html, element, join
from dashboard.panel import Panel
from dashboard.skeleton import BONES_LEFT, BONES_MIDDLE, BONES_RIGHT
from dashboard.units import metric_name
from dashboard.view import LakeView

DELTA = 5
"""Frames that past and future lie away (reference/paper.md, Δ = 5)."""

_TITLE = "Worst sequences"


def worst_panel(view: LakeView) -> Panel:
    """A player for each sequence that a study left (evaluation/study_worst.py); the newest of each study counts."""
    newest: dict[str, Mapping[str, Any]] = {}
    for row in sorted((row for row in view.runs if row["kind"] == "study"), key=lambda row: row["started_at"]):
        content = json.loads(row["config"] or "{}")
        if content.get("worst") and content.get("sequences"):
            which = content["worst"]
            newest[f"{which['study']} {which.get('phi_name', '')}"] = content
    if not newest:
        said = "No study has left sequences to look at; hmmr study run does."
        return Panel("worst", _TITLE, element("p", said, class_="empty"))
    note = element(
        "p",
        "Grey is the truth, colour the model: past, present and future as said at one frame, above as the camera sees "
        "it, below from the person's side. Dev films, because looking is choosing.",
    )
    return Panel("worst", _TITLE, join(note, *[_study(content) for content in newest.values()]))


def _study(content: Mapping[str, Any]) -> Html:
    which = content["worst"]
    name = " · ".join(part for part in (which["study"], which.get("phi_name")) if part)
    head = f"{name}: {which['dataset']} {which['split']}"
    players = [_player(one, which["metric"]) for one in content["sequences"]]
    return join(element("h3", head), element("div", *players, class_="strip"))


def _player(one: Mapping[str, Any], metric: str) -> Html:
    heads = [name for name in ("past", "present", "future") if name in one["tracks"]]
    frames = len(one["tracks"]["truth"])
    stage = element("svg", class_="stage", viewBox=f"0 0 {120 * len(heads)} 240", width=120 * len(heads), height=240,
                    role="img", aria_label=f"Moving skeletons of {one['sequence']}")  # fmt: skip
    play = element("button", "Play", type="button", class_="play")
    slider = element("input", type="range", class_="time", min=0, max=max(frames - 1, 0), value=0,
                     aria_label=f"Frame of {one['sequence']}")  # fmt: skip
    said = f"{one['sequence']}: {metric_name(metric)} {one['error']:.1f}; {', '.join(heads)}"
    return element("figure", stage, element("div", play, " ", slider), element("figcaption", said), _data(one, heads),
                   class_="player")  # fmt: skip


def _data(one: Mapping[str, Any], heads: Sequence[str]) -> Html:
    sides = enumerate((BONES_MIDDLE, BONES_LEFT, BONES_RIGHT))
    content = {
        "heads": list(heads), "fps": one["fps"], "delta": DELTA, "tracks": one["tracks"],
        "bones": [[*pair, side] for side, bones in sides for pair in bones],
    }  # fmt: skip
    safe = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    return Html(f'<script type="application/json">{safe}</script>')
