"""What a harvest came to: the books of the items that were asked for, what the lake got, and every trouble by name."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from storage.ledger.items import STATES, Books, Entry


@dataclass(frozen=True)
class Trouble:
    """An item that did not end well, in words."""

    name: str
    state: str
    reason: str
    message: str


@dataclass(frozen=True)
class HarvestReport:
    """Asked = done + rejected + failed + pending + erased, always."""

    books: Books
    tracklets: int
    frames: int
    hours: float
    reasons: dict[str, int] = field(default_factory=dict)
    """How many items were rejected or have failed, by reason."""
    rejected_tracks: dict[str, int] = field(default_factory=dict)
    """How many stretches of tracks were rejected, by reason."""
    troubles: Sequence[Trouble] = ()

    def as_dict(self) -> dict[str, Any]:
        """For the JSON line: the books, the yield, and the counts by reason."""
        return {
            **self.books.as_dict(),
            "tracklets": self.tracklets,
            "frames": self.frames,
            "hours": round(self.hours, 6),
            "reasons": self.reasons,
            "rejected_tracks": self.rejected_tracks,
        }


def books_of(entries: Sequence[Entry], *, erased: int = 0) -> Books:
    """The books of some items; `erased` were asked for and are known to the ledger only as graves."""
    counts = Counter(entry.state for entry in entries)
    counts["erased"] += erased
    return Books(asked=len(entries) + erased, **{state: counts.get(state, 0) for state in STATES})


def reasons_of(entries: Sequence[Entry]) -> dict[str, int]:
    """Why items were rejected or failed, most frequent first."""
    ended = [entry.reason or "unknown" for entry in entries if entry.state in ("rejected", "failed")]
    return dict(Counter(ended).most_common())
