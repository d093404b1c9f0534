"""The page in a real headless Chromium: what is drawn, what is clicked, what is asked for."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from dashboard.page import export
from storage.lake import Lake

Browse = Callable[[], AbstractContextManager[Any]]
HOSTILE_TITLE = "<script>window.pwned = 1</script>"


@pytest.fixture(scope="module")
def tab(browser: Browse) -> Iterator[Any]:
    with browser() as opened:
        yield opened


@pytest.mark.slow
def test_every_panel_is_drawn_and_works(tab: Any, full_lake: Lake, tmp_path: Path) -> None:
    page = export(full_lake, tmp_path / "page.html", title=HOSTILE_TITLE)
    tab.open(page.as_uri())
    assert tab.evaluate("document.querySelector('h1').textContent") == HOSTILE_TITLE
    assert tab.evaluate("document.title") == HOSTILE_TITLE
    assert tab.evaluate("typeof window.pwned") == "undefined"
    assert tab.evaluate("[...document.querySelectorAll('.plot')].filter((p) => !p.querySelector('svg')).length") == 0
    _comparing_hides_a_study(tab)
    _choosing_changes_the_figure(tab)
    _a_point_leads_to_its_run(tab)
    _skeletons_move(tab)
    assert tab.errors == []
    assert tab.requests == [page.as_uri()]


DRAWN = "document.querySelector('.compare').comparison"
MARKS = "[...document.querySelectorAll('#plot-compare g[data-mark=dot] > *')].length"


def _comparing_hides_a_study(tab: Any) -> None:
    before = tab.evaluate(MARKS)
    tab.evaluate("document.querySelector('#curve input.one').click()")
    assert 0 < tab.evaluate(MARKS) < before
    assert tab.evaluate("location.hash.startsWith('#compare?')")
    tab.evaluate("document.querySelector('#curve input.one').click()")
    assert tab.evaluate(MARKS) == before


def _choosing_changes_the_figure(tab: Any) -> None:
    title = "document.querySelector('#plot-compare svg').textContent.includes('PA-MPJPE')"
    assert tab.evaluate(title)
    tab.evaluate("document.querySelector('#compare-metric').focus()")
    tab.press("ArrowDown")
    assert not tab.evaluate(title)


def _a_point_leads_to_its_run(tab: Any) -> None:
    tab.evaluate("document.querySelector('#curve details').open = true")
    tab.evaluate("document.querySelector('#curve details a').click()")
    target = tab.evaluate("decodeURIComponent(location.hash.slice(1))")
    assert tab.evaluate(f"document.getElementById({target!r}).closest('section').id") == "runs"


def _skeletons_move(tab: Any) -> None:
    place = "document.querySelector('.player svg line:nth-of-type(20)').getAttribute('x1')"
    before = tab.evaluate(place)
    tab.evaluate("document.querySelector('.player input.time').focus()")
    for _ in range(3):
        tab.press("ArrowRight")
    assert tab.evaluate("document.querySelector('.player input.time').value") == "3"
    assert tab.evaluate(place) != before
    tab.evaluate("document.querySelector('.player button').click()")
    tab.wait_for("Number(document.querySelector('.player input.time').value) > 4")
    tab.evaluate("document.querySelector('.player button').click()")
    assert tab.evaluate("document.querySelector('.player button').textContent") == "Play"


@pytest.mark.slow
def test_a_phone_scrolls_in_one_direction_only(tab: Any, full_lake: Lake, tmp_path: Path) -> None:
    tab.open(export(full_lake, tmp_path / "page.html").as_uri(), width=390, height=800)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    widest = "Math.max(...[...document.querySelectorAll('.plot svg')].map((s) => s.getBoundingClientRect().right))"
    assert tab.evaluate(widest) <= 390
    assert tab.errors == []


@pytest.mark.slow
def test_of_many_series_the_main_one_is_drawn_and_others_can_be_picked(
    tab: Any, wide_lake: Lake, tmp_path: Path
) -> None:
    tab.open(export(wide_lake, tmp_path / "page.html").as_uri(), width=390, height=800)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = "[...document.querySelectorAll('#curve input.one')]"
    ticked = tab.evaluate(f"{boxes}.filter((box) => box.checked).map((box) => box.parentElement.title)")
    assert sorted(ticked) == sorted(
        f"{series} · {phi}"
        for series in ("wide/steps/labelled-20", "older/steps")
        for phi in ("blazepose_penultimate", "keypoints")
    )
    assert tab.evaluate(f"{boxes}.length") == 14
    before = tab.evaluate(MARKS)
    tab.evaluate(f"{boxes}.find((box) => !box.checked).click()")
    assert tab.evaluate(MARKS) == before + 6  # three sizes, two seeds
    groups = "[...document.querySelectorAll('#learning input.group')].filter((b) => b.checked).map((b) => b.value)"
    assert tab.evaluate(groups) == ["blazepose_penultimate · semi"]
    assert tab.errors == []


@pytest.mark.slow
def test_the_keyboard_reaches_content_controls_and_tables(tab: Any, full_lake: Lake, tmp_path: Path) -> None:
    tab.open(export(full_lake, tmp_path / "page.html").as_uri())
    reached = []
    for _ in range(40):
        tab.press("Tab")
        reached.append(tab.evaluate("document.activeElement.className || document.activeElement.tagName"))
    assert reached[0] == "skip"
    assert {"A", "by-metric", "one", "scroll", "sort"} <= set(reached)
