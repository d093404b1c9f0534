"""Lists that could not be read, and could later: thousands of them at once."""

from pathlib import Path

from storage.ledger.items import Item
from storage.ledger.ledger import Ledger
from storage.ledger.lists import lists_failed_again, lists_were_read


def test_lists_end_and_come_back(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    names = [f"list{n:04d}" for n in range(1001)]
    ledger.ask(Item(name, "local") for name in [*names, "held", "video"])
    ledger.claim("w", only=["held"])
    ledger.claim("v", only=[names[0]])
    ledger.fail(names[0], "v", "gone", retry_in_s=60)
    assert lists_were_read(ledger, [*names, "held", "absent"]) == 1001
    assert ledger.next_due() is None
    assert (ledger.books().done, ledger.books().pending) == (1001, 2)
    assert lists_were_read(ledger, names) == 0
    lists_failed_again(ledger, [*names[:2], "video", "absent"])
    assert {entry.item.item_id for entry in ledger.entries("pending")} == {*names[:2], "held", "video"}
    ledger.close()
