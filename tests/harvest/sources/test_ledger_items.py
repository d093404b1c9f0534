"""A source survives the ledger, so that what failed can be done again without naming it."""

import json
from pathlib import Path

from harvest.identity import text_id
from harvest.sources.expand import Source, expand, failed_sources, to_item, to_source
from storage.ledger.ledger import Ledger

FULL = Source(
    "id", "https://example.org/x", True, licence="open", tags=("a", "b"), sections_s=((1.0, 2.5),), max_seconds=9.0,
    max_bytes=10, max_entries=5, named_by_user=False,
)  # fmt: skip


def test_there_and_back() -> None:
    item = to_item(FULL)
    assert to_source(type(item)(**{**vars(item), "request": json.loads(json.dumps(item.request))})) == FULL
    assert (item.host, item.url) == ("example.org", "https://example.org/x")
    assert to_item(Source("f", "/home/anna/clip.mp4", False)).url == "clip.mp4"


def test_failed_by_class(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    for name, reason in (("a", "rate_limited"), ("b", "gone")):
        source = Source(name, f"https://example.org/{name}", True)
        ledger.ask([to_item(source)])
        ledger.claim("w")
        ledger.fail(name, "w", reason)
    assert [source.item_id for source in failed_sources(str(tmp_path), "gone")] == ["b"]
    assert len(failed_sources(str(tmp_path), None)) == 2


def test_an_erased_address_does_not_come_back_with_a_tracker(tmp_path: Path) -> None:
    """Addresses with a tracker are items of their own; erased before that, they were one."""
    ledger = Ledger.open(tmp_path)
    with ledger.engine.begin() as connection:
        ledger.tombstones.add(connection, "source", text_id("https://films.example/a%2Fb?v=1"))
    named = (
        "https://films.example/a%2fb?v=1&utm_source=x",
        "https://films.example/a%2Fb?v=1",
        "https://films.example/c",
    )
    sources = expand(named)
    assert len(sources) == 3
    ledger.ask([to_item(source) for source in sources])
    books = ledger.books()
    assert (books.erased, books.pending) == (2, 1)
    ledger.close()
