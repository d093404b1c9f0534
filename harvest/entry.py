"""One line of a source list, not yet looked at: an address, and what the list says about it."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Entry:
    """`address` is a URL, s3://BUCKET/PREFIX, a path, or search://WORDS."""

    address: str
    licence: str | None = None
    tags: tuple[str, ...] = ()
    sections_s: tuple[tuple[float, float], ...] = ()
    max_seconds: float | None = None
    max_bytes: int | None = None
    max_entries: int | None = None
    weight: float | None = None
    """Its share of a run beside the other entries (harvest/shares.py)."""
    pot: str = ""
    """The entry whose share this one is part of; empty: its own."""

    def under(self, outer: "Entry") -> "Entry":
        """This entry with what the list that holds it was given. A list with a weight is one pot with all that
        comes out of it; `defaults` (no address) give each entry theirs."""
        shared = outer.weight is not None and bool(outer.address)
        return replace(
            self,
            licence=self.licence or outer.licence,
            tags=tuple(dict.fromkeys(outer.tags + self.tags)),
            max_seconds=self.max_seconds if self.max_seconds is not None else outer.max_seconds,
            max_bytes=self.max_bytes if self.max_bytes is not None else outer.max_bytes,
            max_entries=self.max_entries if self.max_entries is not None else outer.max_entries,
            weight=outer.weight if shared or self.weight is None else self.weight,
            pot=(outer.pot or outer.address) if shared else self.pot,
        )
