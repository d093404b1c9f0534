import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from dashboard.page import Own, Picture, export
from storage.lake import Lake
from storage.ledger.items import Item
from storage.ledger.ledger import Ledger

RUNNING = re.compile(r"<script>(.*?)</script", re.DOTALL)


def png() -> bytes:
    return bytes(cv2.imencode(".png", np.full((8, 12, 3), 127, np.uint8))[1])


def without_scripts(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_an_empty_lake_gives_a_page_that_says_so(empty_lake: Lake, tmp_path: Path) -> None:
    page = export(empty_lake, tmp_path / "page.html").read_text()
    assert "so there is no curve" in page
    assert "This lake has no ledger" in page
    assert not (Path(empty_lake.root) / "ledger.sqlite").exists()


def test_the_page_asks_for_nothing(full_lake: Lake, tmp_path: Path) -> None:
    page = without_scripts(
        export(full_lake, tmp_path / "page.html", own=Own(pictures=[Picture(png(), "a film")])).read_text()
    )
    assert re.findall(r'(?:src|href)="(?!#|data:)([^"]*)"', page) == []
    assert "default-src &#39;none&#39;" in page


def test_numbers_that_the_page_must_show(full_lake: Lake, tmp_path: Path) -> None:
    page = export(full_lake, tmp_path / "page.html").read_text()
    assert '["quick","blazepose_penultimate"]' in page
    assert "open_v1" in page
    assert "Two seeds: if the added video did nothing" in page
    assert "too_short" in page
    assert "measured 12, threshold 20" in page
    assert "vouched 2026-11-22" in page


def test_text_of_strangers_stays_text(full_lake: Lake, tmp_path: Path) -> None:
    title = "<script>window.pwned = 1</script>"
    page = export(
        full_lake, tmp_path / "page.html", title=title, own=Own([title], title, next_commands=[(title, title)])
    ).read_text()
    # Six scripts run: d3, Observable Plot and our four. Everything else is data.
    assert len(RUNNING.findall(page)) == 6
    assert "window.pwned" not in "".join(RUNNING.findall(page))
    assert "<img src=x" not in page


def test_the_books_of_the_ledger_are_shown(empty_lake: Lake, tmp_path: Path) -> None:
    ledger = Ledger.open(empty_lake.root)
    ledger.ask([Item("a", "films.example"), Item("b", "films.example")])
    ledger.claim("me", limit=1)
    ledger.reject("a", "me", "no_licence")
    ledger.close()
    page = export(empty_lake, tmp_path / "page.html").read_text()
    assert "2 asked = 0 done, 1 rejected, 0 failed, 1 pending, 0 erased. The books balance." in page


def test_a_picture_that_is_no_png_is_named(empty_lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="my strip"):
        export(empty_lake, tmp_path / "page.html", own=Own(pictures=[Picture(b"GIF89a", "my strip")]))
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("table", ["videos", "rejects", "tracklets", "scores", "runs"])
def test_a_partial_lake_gives_a_page(full_lake: Lake, tmp_path: Path, table: str) -> None:
    partial = Lake(tmp_path / "partial")
    partial.append(table, full_lake.read(table))
    assert "</html>" in export(partial, tmp_path / "page.html").read_text()


def test_a_page_about_the_harvest_is_small_and_has_the_reasons(full_lake: Lake, tmp_path: Path) -> None:
    ledger = Ledger.open(full_lake.root)
    ledger.ask([Item(name, "films.example") for name in ("p", "q", "r")])
    ledger.claim("me", limit=2)
    ledger.reject("p", "me", "too_long")
    ledger.fail("q", "me", "rate_limited")
    ledger.close()
    page = export(full_lake, tmp_path / "page.html", about="harvest").read_text()
    assert len(page) < 400_000
    assert "d3js.org" not in page
    text = without_scripts(page)
    for words in (
        "rate_limited",
        "too_long",
        "too_short",
        "measured 12, threshold 20",
        "Hours by source",
        "width: 100.0%",
    ):
        assert words in text, words
    assert 'id="curve"' not in text
