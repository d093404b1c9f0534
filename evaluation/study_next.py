"""What to harvest next: the source list again, its entries in the order of what their tag is worth an hour.

The ledger takes items in the order in which they were asked for, so the order of the list is the weighting.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.study_worth import Worth


def next_sources(sources: Mapping[str, Any], ranking: Sequence[Worth]) -> dict[str, Any]:
    """The list with its entries sorted: helps, not yet known, unclear; those of tags that surely hurt are left out.

    Within a class the worth an hour decides, then the list's own order. Other keys of the list stay as they are.
    """
    known = {found.group: found for found in ranking}
    entries = [(place, entry, _best(entry, sources, known)) for place, entry in enumerate(sources.get("sources") or [])]
    kept = [(place, entry, found) for place, entry, found in entries if found is None or found.surely != "hurts"]
    kept.sort(key=lambda item: (*_rank(item[2]), item[0]))
    return {**sources, "sources": [entry for _, entry, _ in kept]}


def _best(entry: Any, sources: Mapping[str, Any], known: Mapping[str, Worth]) -> Worth | None:
    own = entry.get("tags") if isinstance(entry, Mapping) else None
    tags = own or (sources.get("defaults") or {}).get("tags") or []
    found = [known[tag] for tag in tags if tag in known]
    return max(found, key=lambda one: one.per_hour.value) if found else None


def _rank(found: Worth | None) -> tuple[int, float]:
    if found is None:
        return (1, 0.0)
    return (0 if found.surely == "helps" else 2, -found.per_hour.value)
