"""What the ledger speaks of: items, claims on them, how an item ended, and the books."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

PENDING, DONE, REJECTED, FAILED, ERASED = STATES = ("pending", "done", "rejected", "failed", "erased")


@dataclass(frozen=True)
class Item:
    """One thing that was asked for. `item_id` is the source_id of the lake."""

    item_id: str
    host: str
    url: str | None = None
    uploader: str | None = None
    request: Mapping[str, Any] = field(default_factory=dict)
    """Whatever the harvester needs to do the item again (JSON): tags, licence that the user vouched for, ..."""
    loose_ids: tuple[str, ...] = ()
    """Ids of addresses that are most probably the same source: where one was erased, so is this. Not stored."""


@dataclass(frozen=True)
class Claim:
    """An item that a worker may work on until `lease_until` (seconds since 1970)."""

    item: Item
    attempts: int
    """Tries so far, this one included."""
    lease_until: float


@dataclass(frozen=True)
class Finished:
    """How an item of a commit ended well: with its label_key and the number of its tracklets (0 is well too)."""

    label_key: str
    tracklets: int = 0
    rejected: str | None = None
    """Slug why none of it was kept: its rows of `rejects` are committed, and the item ends as rejected."""


@dataclass(frozen=True)
class Entry:
    """All that the ledger knows of an item now."""

    item: Item
    state: str
    reason: str | None
    error_class: str | None
    attempts: int
    due_at: float | None
    worker: str | None
    lease_until: float | None
    commit_id: str | None
    recipe: str
    label_key: str | None
    evidence: dict[str, Any] | None
    tracklets: int
    damaged: str | None = None
    """What is wrong with its row, if it cannot be read: `item.request` and `evidence` are empty then."""


@dataclass(frozen=True)
class Books:
    """Counts of items: asked = done + rejected + failed + pending + erased, always."""

    asked: int
    done: int
    rejected: int
    failed: int
    pending: int
    erased: int

    @property
    def balanced(self) -> bool:
        """Whether every item that was asked for is in exactly one state."""
        return self.asked == self.done + self.rejected + self.failed + self.pending + self.erased

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self)
