"""A source as JSON and back: what the ledger keeps of it, so that `hmmr harvest retry` can do it again."""

from collections.abc import Mapping, Sequence
from typing import Any

from harvest.sources.expand import Source, expand, expand_again
from storage.ledger.items import FAILED, PENDING, Item
from storage.ledger.ledger import Ledger


def to_item(source: Source) -> Item:
    """The ledger's entry for a source."""
    request = {
        "address": source.address,
        "is_url": source.is_url,
        "licence": source.licence,
        "tags": list(source.tags),
        "sections_s": [list(section) for section in source.sections_s],
        "max_seconds": source.max_seconds,
        "max_bytes": source.max_bytes,
        "max_entries": source.max_entries,
        "named_by_user": source.named_by_user,
    }
    if (raw := _bytes_of(source.address)) is not None:
        request["address_bytes"] = raw
    return Item(source.item_id, source.host, url=source.name, request=request)


def _bytes_of(address: str) -> str | None:
    """The bytes of a file name that is no UTF-8, in hexadecimal; None for any other."""
    try:
        address.encode()
    except UnicodeEncodeError:
        return address.encode(errors="surrogateescape").hex()
    return None


def to_source(item: Item) -> Source:
    """The source that `to_item` wrote. KeyError or TypeError for another program's entry."""
    request: Mapping[str, Any] = item.request
    return Source(
        item.item_id,
        str(request["address"])
        if (raw := request.get("address_bytes")) is None
        else bytes.fromhex(raw).decode(errors="surrogateescape"),
        bool(request["is_url"]),
        licence=request["licence"],
        tags=tuple(request["tags"]),
        sections_s=tuple((float(start), float(end)) for start, end in request["sections_s"]),
        max_seconds=request["max_seconds"],
        max_bytes=request["max_bytes"],
        max_entries=request.get("max_entries"),
        named_by_user=bool(request.get("named_by_user", True)),
    )


def failed_sources(lake_root: str, reason: str | None) -> list[Source]:
    """Sources of the items that have failed, all or those of one reason slug. What could not be read on this machine is
    looked at again: it may be a list by now."""
    ledger = Ledger.open(lake_root)
    try:
        entries = ledger.entries(FAILED)
    finally:
        ledger.close()
    failed = [to_source(entry.item) for entry in entries if reason in (None, entry.reason) and entry.item.request]
    return expand(each for source in failed for each in expand_again(source))


def sources_to_do(ledger: Ledger, item_ids: Sequence[str] | None, recipe: str) -> list[Source]:
    """Sources of the items that are pending, or failed and due: those of `item_ids` in their order, or (None) all, of
    the pending ones only those that were asked for under this recipe."""
    now = ledger.clock()
    due = [entry for entry in ledger.entries(FAILED) if entry.due_at is not None and entry.due_at <= now]
    failed = [entry for entry in due if entry.damaged is None]
    pending = [entry for entry in ledger.entries(PENDING) if entry.damaged is None]
    if item_ids is None:
        return [to_source(entry.item) for entry in [*(e for e in pending if e.recipe == recipe), *failed]]
    ready = {entry.item.item_id: entry.item for entry in [*pending, *failed]}
    return [to_source(ready[item_id]) for item_id in item_ids if item_id in ready]
