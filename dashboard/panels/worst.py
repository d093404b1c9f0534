"""The worst sequences as moving skeletons: what the model says about past, present and future, over the truth."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.markup import Html, Panel, element, join, left_out, metric_name, usable
from dashboard.skeleton import BONES_LEFT, BONES_MIDDLE, BONES_RIGHT
from dashboard.view import LakeView
from storage.json_text import number, read_object, word

DELTA = 5
"""Frames that past and future lie away (docs/paper.md, Δ = 5)."""

_TITLE = "Worst sequences"
_TRACKS = ("past", "present", "future", "truth")


def worst_panel(view: LakeView) -> Panel:
    """A player for each sequence that a study left (evaluation/study/worst.py); the newest of each study counts."""
    rows = sorted((row for row in view.runs if row["kind"] == "study"), key=lambda row: row["started_at"])
    read, _ = usable(rows, lambda row: (row["run_id"], read_object(row["config"])))
    worst_runs = [(run_id, content) for run_id, content in read if content.get("worst") and content.get("sequences")]
    studies, misfits = usable(worst_runs, lambda run: (_name(run[1]["worst"]), _study(run[1])))
    rest = left_out("these runs carry sequences that cannot be read", [run_id for run_id, _ in misfits])
    if not studies:
        no_studies = "No study has left sequences to look at; hmmr study run does."
        return Panel("worst", _TITLE, join(element("p", no_studies, class_="empty"), rest))
    note = element(
        "p",
        "Grey is the truth, colour the model: past, present and future as said at one frame, above as the camera sees "
        "it, below from the person's side. Dev films, because looking is choosing.",
    )
    return Panel("worst", _TITLE, join(note, *dict(studies).values(), rest))


def _name(which: Mapping[str, Any]) -> str:
    return " · ".join(part for part in (word(which["study"]), word(which.get("phi_name") or "")) if part)


def _study(content: Mapping[str, Any]) -> Html:
    which = content["worst"]
    head = f"{_name(which)}: {which['dataset']} {which['split']}"
    players = [_player(sequence, word(which["metric"])) for sequence in content["sequences"]]
    return join(element("h3", head), element("div", *players, class_="strip"))


def _player(one: Mapping[str, Any], metric: str) -> Html:
    tracks = {name: [_joints(row) for row in one["tracks"][name]] for name in _TRACKS if name in one["tracks"]}
    heads = [name for name in tracks if name != "truth"]
    frames = len(tracks["truth"])
    stage = element("svg", class_="stage", viewBox=f"0 0 {120 * len(heads)} 240", width=120 * len(heads), height=240,
                    role="img", aria_label=f"Moving skeletons of {one['sequence']}")  # fmt: skip
    play = element("button", "Play", type="button", class_="play")
    slider = element("input", type="range", class_="time", min=0, max=max(frames - 1, 0), value=0,
                     aria_label=f"Frame of {one['sequence']}")  # fmt: skip
    caption = f"{one['sequence']}: {metric_name(metric)} {number(one['error']):.1f}; {', '.join(heads)}"
    data = _data(number(one["fps"]), tracks)
    return element("figure", stage, element("div", play, " ", slider), element("figcaption", caption), data,
                   class_="player")  # fmt: skip


def _joints(row: Sequence[Any]) -> list[float | None]:
    """A frame: 75 numbers in mm, None where a joint has no place."""
    if len(row) != 75:
        raise ValueError(f"a frame of {len(row)} numbers")
    return [None if value is None else round(number(value)) for value in row]


def _data(fps: float, tracks: Mapping[str, Sequence[Sequence[float | None]]]) -> Html:
    sides = enumerate((BONES_MIDDLE, BONES_LEFT, BONES_RIGHT))
    content = {
        "heads": [name for name in tracks if name != "truth"], "fps": fps, "delta": DELTA, "tracks": tracks,
        "bones": [[*pair, side] for side, bones in sides for pair in bones],
    }  # fmt: skip
    safe = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    return Html(f'<script type="application/json">{safe}</script>')
