"""What a training says of itself: a small file below the lake while it runs, and the row of `runs` that it leaves, as
evaluations and studies do.

The file is renewed while the training runs and taken away at its end. It holds no name of a source. On S3 there is
none: it is for a page on this machine.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage.atomic import write_atomically
from storage.json_text import MISFIT, number, read_object, word
from storage.layout import Layout

EVERY_S = 5.0
"""Between two renewals of a running training's file."""

MOST_POINTS = 200
"""Of a curve; every second one is dropped beyond."""

Step = Callable[[int, int, dict[str, float]], None]
"""Called with the step, the number of steps and the loss terms."""


@dataclass(frozen=True)
class Running:
    """A training: what it is, how far, since when, and its loss terms as {term: [(step, value), ...]}."""

    name: str
    study: str
    step: int
    steps: int
    """0 until the training has told of a step."""
    first: int
    """The step at which it began, or was resumed."""
    began_at: float
    """Seconds since 1970, as `renewed_at`."""
    renewed_at: float
    curves: Mapping[str, list[tuple[float, float]]]

    @property
    def seconds_left(self) -> float | None:
        """At the mean speed so far; None before it has made a step."""
        if self.step <= self.first:
            return None
        return (self.renewed_at - self.began_at) / (self.step - self.first) * max(self.steps - self.step, 0)


def running_folder(layout: Layout) -> Path:
    """Where the files lie."""
    return Path(layout.root) / "running"


@contextlib.contextmanager
def announced(layout: Layout, name: str, progress: Step | None = None, study: str = "") -> Iterator[Step]:
    """Inside, the training's progress function, which renews the file and calls `progress` too.

    Of several processes of one training only the first writes. A file that cannot be written stops no training.
    """
    silent = layout.remote or os.environ.get("RANK", "0") != "0"
    file = running_folder(layout) / f"{name}.json"
    began, first, last = time.time(), -1, 0.0
    curves: dict[str, list[tuple[int, float]]] = {}

    def renew(step: int, steps: int, terms: dict[str, float]) -> None:
        nonlocal began, first, last
        if progress is not None:
            progress(step, steps, terms)
        if first < 0:
            first, began = step, time.time()
        for term, value in terms.items():
            curve = curves.setdefault(term, [])
            curve.append((step, value))
            if len(curve) > MOST_POINTS:
                del curve[1::2]
        if time.time() - last >= EVERY_S:
            last = time.time()
            write(step, steps)

    def write(step: int, steps: int) -> None:
        content = {"name": name, "study": study, "step": step, "steps": steps, "first": max(first, 0),
                   "began_at": began, "renewed_at": time.time(), "curves": curves}  # fmt: skip
        with contextlib.suppress(OSError):
            if not silent:
                write_atomically(file, json.dumps(content).encode())

    try:
        write(0, 0)
        yield renew
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def running(layout: Layout) -> list[Running]:
    """The trainings that have a file, the last renewed first; a file of another kind is passed over."""
    found = []
    for file in [] if layout.remote else sorted(running_folder(layout).glob("*.json")):
        with contextlib.suppress(*MISFIT, OSError):
            found.append(_read(read_object(file.read_bytes())))
    return sorted(found, key=lambda training: -training.renewed_at)


def _read(content: Mapping[str, object]) -> Running:
    curves = content["curves"]
    if not isinstance(curves, dict):
        raise TypeError("no curves")
    return Running(
        word(content["name"]), word(content["study"]), int(number(content["step"])), int(number(content["steps"])),
        int(number(content["first"])), number(content["began_at"]), number(content["renewed_at"]),
        {word(term): [(number(step), number(value)) for step, value in points] for term, points in curves.items()},
    )  # fmt: skip


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
