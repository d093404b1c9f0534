"""The row of `runs` that a training, an evaluation or a study leaves."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def run_row(
    kind: str, run_id: str, began: datetime, config: Mapping[str, Any] | str, *, command: str, commit: str,
    seconds: float | None = None, snapshot: str | None = None, checkpoint: str | None = None,
    curves: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One row of `runs` as the schema wants it.

    `config` is a mapping, or JSON that was made already. `seconds`: wall time; None: from `began` until now. `curves`:
    {term: [[step, value], ...]}.
    """
    return {
        "run_id": run_id,
        "kind": kind,
        "started_at": began,
        "seconds": (datetime.now(UTC) - began).total_seconds() if seconds is None else seconds,
        "config": config if isinstance(config, str) else json.dumps(config),
        "snapshot": snapshot,
        "checkpoint": checkpoint,
        "command": command,
        "commit": commit,
        "curves": json.dumps(curves or {}),
    }
