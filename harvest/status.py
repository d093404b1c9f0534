"""The books of a lake in words and as JSON: what is in which state, and every item that ended badly with its reason."""

import inspect
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harvest.errors import HarvestError, SourceFailed, SourceRejected, Unreadable
from storage.erase.ledger_rows import sources_of
from storage.ledger.items import FAILED, REJECTED, Books, Entry
from storage.ledger.ledger import Ledger

SHOWN = 20
"""Most items that are printed; --json has all."""
_KINDS: dict[str, type[HarvestError]] = {
    kind.reason: kind for parent in (SourceFailed, SourceRejected) for kind in parent.__subclasses__()
}


@dataclass(frozen=True)
class Status:
    """What the ledger says now."""

    lake: str
    books: Books
    reasons: dict[str, int]
    next_due: float | None
    """Seconds since 1970; None if no failed item will be tried again by itself."""
    ended: Sequence[Entry]
    """Failed items, then rejected ones."""
    wrong_names: Sequence[str]
    """Names of files that are not there and that no other item has."""


def status_of(lake: str) -> Status:
    """Read the ledger of a lake; writes nothing."""
    ledger = Ledger.open(lake, read_only=True)
    try:
        ended = [*ledger.entries(FAILED), *ledger.entries(REJECTED)]
        absent = [entry.item.url for entry in ended if _is_absent(entry) and entry.item.url]
        # an erasure takes all that has the name with it
        alone = [name for name in absent if len(sources_of(ledger, sources=[name])) == 1]
        return Status(lake, ledger.books(), ledger.reasons(), ledger.next_due(), ended, alone)
    finally:
        ledger.close()


def failure_classes() -> list[str]:
    """What `hmmr harvest retry --class` may be given, sorted."""
    return sorted(reason for reason, kind in _KINDS.items() if issubclass(kind, SourceFailed))


def as_json(status: Status) -> dict[str, Any]:
    """Books, reasons and items as plain values."""
    items = [
        {"source_id": e.item.item_id, "name": _name(e), "state": e.state, "class": e.reason, "reason": _why(e),
         "next_due": e.due_at}
        for e in status.ended
    ]  # fmt: skip
    return {**status.books.as_dict(), "reasons": status.reasons, "next_due": status.next_due, "items": items}


def lines(status: Status) -> list[str]:
    """The same as lines of text, with commands that help. Names and reasons hold strangers' text: escape them before
    a terminal shows them."""
    words = [f"{state:>9} {count}" for state, count in status.books.as_dict().items()]
    words += [f"          {count} {reason}" for reason, count in _most_frequent(status.reasons)]
    if status.next_due is not None:
        words.append(f"next try   {datetime.fromtimestamp(status.next_due, UTC):%Y-%m-%d %H:%M} UTC")
    words += [f"{e.state} ({e.reason}): {_name(e)}: {_why(e)}" for e in status.ended[:SHOWN]]
    if len(status.ended) > SHOWN:
        words.append(f"... and {len(status.ended) - SHOWN} more; --json has all")
    lake = f"--lake {shlex.quote(status.lake)}"
    if status.books.failed:
        words.append(f"to try what failed again: hmmr harvest retry {lake}")
    if status.wrong_names:
        name = shlex.quote(status.wrong_names[0])
        words.append(
            f"a wrong name goes out of the books by: hmmr lake erase {name} --yes {lake} "
            "(no file of that name comes in again)"
        )
    return words


def _most_frequent(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda pair: -pair[1])


def _name(entry: Entry) -> str:
    """The name in the ledger; for a malformed address the address in full."""
    address = str(entry.item.request.get("address", ""))
    return address if "://" in address else entry.item.url or entry.item.item_id


def _is_absent(entry: Entry) -> bool:
    """Whether it could not be read because it is a file or folder that is not on this machine."""
    request = entry.item.request
    address = str(request.get("address", ""))
    if entry.reason != Unreadable.reason or request.get("is_url", True) or "://" in address:
        return False
    try:
        return not Path(address).exists()
    except (OSError, ValueError):
        return False


def _why(entry: Entry) -> str:
    """The stored message; for items of an older version, which have none, the meaning of the error class."""
    if entry.damaged is not None:
        return entry.damaged
    if _is_absent(entry):
        return f"no such file or folder: {entry.item.request['address']}"
    if entry.evidence and entry.evidence.get("message"):
        return str(entry.evidence["message"])
    kind = _KINDS.get(entry.reason or "")
    return (inspect.getdoc(kind) or "").rstrip(".") if kind else "no more is known"
