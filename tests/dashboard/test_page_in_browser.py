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


def _comparing_hides_a_study(tab: Any) -> None:
    shown = "document.getElementById('plot-curve').data.filter((trace) => trace.visible !== false).length"
    before = tab.evaluate(shown)
    tab.evaluate("document.querySelector('#curve input.group').click()")
    assert 0 < tab.evaluate(shown) < before
    hidden = "[...document.querySelectorAll('#curve .legend:not([hidden]) li')].filter((li) => li.hidden).length"
    # The band of the fit has no entry of its own in the legend.
    assert tab.evaluate(hidden) == before - tab.evaluate(shown) - 1
    tab.evaluate("document.querySelector('#curve input.group').click()")
    assert tab.evaluate(shown) == before


def _choosing_changes_the_figure(tab: Any) -> None:
    title = "document.getElementById('plot-curve').layout.yaxis.title.text"
    before = tab.evaluate(title)
    tab.evaluate("document.querySelector('#choice-curve').focus()")
    for _ in range(2):
        tab.press("ArrowDown")
    assert tab.evaluate("document.querySelector('#choice-curve').value") == "2"
    assert tab.evaluate(title) != before


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
    boxes = "[...document.querySelectorAll('#curve input.group')]"
    ticked = tab.evaluate(f"{boxes}.filter((box) => box.checked).map((box) => box.value)")
    assert ticked == [
        f"{series} · {phi}"
        for series in ("wide/steps/labelled-20", "older/steps")
        for phi in ("blazepose_penultimate", "keypoints")
    ]
    assert tab.evaluate(f"{boxes}.length") == 14
    shown = "document.getElementById('plot-curve').data.filter((trace) => trace.visible !== false).length"
    before = tab.evaluate(shown)
    tab.evaluate("document.querySelector('#curve fieldset details').open = true")
    tab.evaluate("document.querySelector('#curve fieldset details input').click()")
    # Points, mean, ceiling and three baselines of one more series.
    assert tab.evaluate(shown) == before + 6
    learned = "document.getElementById('plot-learning').data.filter((trace) => trace.visible !== false)"
    assert set(tab.evaluate(f"{learned}.map((trace) => trace.meta)")) == {"blazepose_penultimate · semi"}
    assert tab.errors == []


@pytest.mark.slow
def test_the_keyboard_reaches_content_controls_and_tables(tab: Any, full_lake: Lake, tmp_path: Path) -> None:
    tab.open(export(full_lake, tmp_path / "page.html").as_uri())
    reached = []
    for _ in range(40):
        tab.press("Tab")
        reached.append(tab.evaluate("document.activeElement.className || document.activeElement.tagName"))
    assert reached[0] == "skip"
    assert {"A", "choice", "group", "scroll", "SUMMARY"} <= set(reached)
