"""What Prefect's page shows of our runs: log lines with item ids, progress, tables. Never a URL or a file's name, so
that its database holds nothing to erase."""

import logging
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger

from harvest.run import HarvestReport
from harvest.session import Asked, Ended
from harvest.workers import Progress as Step

_ID_LETTERS = 16
"""So much of an item's id is shown; `hmmr lake why` takes it."""


def run_logger() -> "logging.Logger | logging.LoggerAdapter[Any]":
    """The run's logger; outside of any run a plain one, so that the functions work without Prefect."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger(__name__)


class ProgressBar:
    """A progress artifact in percent, renewed every `every_s` seconds at most."""

    def __init__(self, what: str, every_s: float = 5.0) -> None:
        self._every_s, self._told_at, self._shown = every_s, 0.0, 0.0
        self._id: UUID = create_progress_artifact(progress=0.0, description=what)  # type: ignore[assignment]

    @property
    def due(self) -> bool:
        """Whether it is time to look how far things are."""
        return time.monotonic() - self._told_at >= self._every_s

    def show(self, done: int, total: int) -> None:
        """So many of so many are done."""
        share = 100.0 * done / total if total else 100.0
        now = time.monotonic()
        if share == self._shown or (share < 100.0 and now - self._told_at < self._every_s):
            return
        self._told_at, self._shown = now, share
        update_progress_artifact(self._id, progress=share)


class HarvestLog:
    """Called with what happens in a harvest: a line for each item that ends, and the progress bar."""

    def __init__(self) -> None:
        self._log, self._done, self._total = run_logger(), 0, 0
        self._bar = ProgressBar("items of this worker's list that have ended here")

    def __call__(self, event: Asked | Step | Ended) -> None:
        """One event of the run."""
        if isinstance(event, Asked):
            self._total = event.to_do
            self._log.info("%d items to do", event.to_do)
        elif isinstance(event, Ended):
            self._done += 1
            end = event.error.reason if event.error else f"{event.tracklets} tracklets"
            self._log.info("item %s: %s", event.source.item_id[:_ID_LETTERS], end)
            self._bar.show(self._done, self._total)


def show_funnel(report: HarvestReport) -> None:
    """The funnel of a harvest as a table: items by state, why some ended badly, what the lake got."""
    rows = {**report.books.as_dict(), "tracklets": report.tracklets, "hours": round(report.hours, 3)}
    parts = [markdown_table(("what", "count"), rows)]
    if report.reasons:
        parts.append(markdown_table(("items that ended badly", "count"), report.reasons))
    if report.rejected_tracks:
        parts.append(markdown_table(("stretches of tracks rejected", "count"), report.rejected_tracks))
    create_markdown_artifact("\n\n".join(parts), key="harvest-funnel", description="from items to tracklets")


def markdown_table(head: tuple[str, str], rows: Mapping[str, object]) -> str:
    """A table of two columns."""
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {value} |" for name, value in rows.items())])
