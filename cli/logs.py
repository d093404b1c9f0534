"""What the rooms log, on stderr: warnings, or with --verbose each step; as text, or with --log-json one JSON object a
line."""

import json
import logging
from datetime import UTC, datetime

from cli.common import plain

ROOMS = ("harvest", "storage", "body", "openworld", "hmmr_model", "evaluation", "dashboard", "flows")


def log_to_stderr(*, verbose: bool, as_json: bool) -> None:
    """From now on each room's loggers write to stderr. Other packages' loggers stay as they are."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLine() if as_json else _TextLine())
    for room in ROOMS:
        logger = logging.getLogger(room)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO if verbose else logging.WARNING)
        logger.propagate = False


class _TextLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return plain(f"{record.levelname.lower()}: {record.getMessage()}")


class _JsonLine(logging.Formatter):
    """`item` is the id of the item of the ledger that a line is about, or null."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps({
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "item": getattr(record, "item", None),
            "message": record.getMessage(),
        })  # fmt: skip
