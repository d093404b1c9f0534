"""Every run with what made it (snapshot, checkpoint, commit, command), and the state of the lake that it read."""

import json
from collections import Counter

from dashboard.markup import Cells, Html, Panel, element, hours_text, join, left_out, short, table, when
from dashboard.view import LakeView, Row
from storage.json_text import MISFIT, read_json


def runs_panel(view: LakeView) -> Panel:
    """The rows of `runs`, newest first. Points and numbers of the page link here."""
    rows = sorted(view.runs, key=lambda row: row["started_at"], reverse=True)
    heads = ["run", "kind", "started", "seconds", "snapshot", "checkpoint", "commit", "command"]
    return Panel("runs", "Runs", table("Runs, newest first", heads, [_row(row) for row in rows], limit=1000))


def _row(row: Row) -> Cells:
    anchor = element("span", short(row["run_id"], 24), id=f"run-{row['run_id']}", title=_settings(row))
    return (anchor, row["kind"], when(row["started_at"]), round(row["seconds"], 1), _code(short(row["snapshot"])),
            _code(row["checkpoint"]), _code(short(row["commit"])), _code(row["command"]))  # fmt: skip


def _code(text: str | None) -> Html | None:
    return element("code", text) if text else None


def _settings(row: Row) -> str:
    try:
        return json.dumps(read_json(row["config"]), sort_keys=True)[:600]
    except MISFIT:
        return "its configuration is no JSON"


def versions_panel(view: LakeView) -> Panel:
    """Versions of the lake's tables, its frozen snapshots, and which backend and preset made the labels."""
    versions = [(name, version if version >= 0 else "not written") for name, version in view.versions.items()]
    snapshots = [
        (element("code", frozen.digest), len(frozen.members), len(frozen.sources), hours_text(frozen.hours))
        for frozen in view.snapshots
    ]
    labellers = Counter((row["backend"], row["preset"]) for row in view.tracklets)
    labeller_rows = [(backend, preset, count) for (backend, preset), count in labellers.most_common()]
    return Panel(
        "versions",
        "Snapshots and versions",
        join(
            table("Frozen snapshots", ["digest", "tracklets", "videos", "person-time"], snapshots),
            left_out("these snapshots are damaged: delete their files and freeze them again", view.damaged),
            table("Version of each table", ["table", "version"], versions),
            table("Who labelled", ["2D backend", "filter preset", "tracklets"], labeller_rows),
        ),
    )
