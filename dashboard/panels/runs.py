"""Every run with what made it: snapshot, checkpoint, commit, and the command that gives it again."""

import json

from dashboard.markup import Html, element
from dashboard.panel import Panel
from dashboard.tables import Row as TableRow
from dashboard.tables import table
from dashboard.units import short, when
from dashboard.view import LakeView, Row
from storage.json_text import MISFIT, read_json


def runs_panel(view: LakeView) -> Panel:
    """The rows of `runs`, newest first. Points and numbers of the page link here."""
    rows = sorted(view.runs, key=lambda row: row["started_at"], reverse=True)
    heads = ["run", "kind", "started", "seconds", "snapshot", "checkpoint", "commit", "command"]
    return Panel("runs", "Runs", table("Runs, newest first", heads, [_row(row) for row in rows], limit=1000))


def _row(row: Row) -> TableRow:
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
