"""axe-core (tests/dashboard/vendor) in a real Chromium: nothing serious on a desktop, a phone and in the dark."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from dashboard.page import export
from dashboard.serve import application, make_server
from storage.lake import Lake

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
ASKED = """axe.run(document, {resultTypes: ["violations"]}).then((found) => found.violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => one.id + ": " + one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")))"""


@pytest.fixture(scope="module")
def tab(browser: Callable[[], AbstractContextManager[Any]]) -> Iterator[Any]:
    with browser() as opened:
        yield opened


def faults(tab: Any) -> list[str]:
    """What axe calls serious or critical in the page that is open."""
    tab.evaluate(AXE.read_text() + "; 0")
    return list(tab.evaluate(ASKED))


@pytest.mark.slow
def test_axe_finds_nothing_serious(tab: Any, full_lake: Lake, tmp_path: Path) -> None:
    page = export(full_lake, tmp_path / "page.html").as_uri()
    for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
        tab.open(page, width=width, dark=dark)
        assert faults(tab) == []


@pytest.mark.slow
def test_axe_sees_a_fault(tab: Any, full_lake: Lake, tmp_path: Path) -> None:
    tab.open(export(full_lake, tmp_path / "page.html").as_uri())
    tab.evaluate("document.querySelector('h1').style.color = 'var(--faint)'")
    tab.evaluate("document.querySelector('select').removeAttribute('id')")
    assert faults(tab)


@pytest.mark.slow
def test_axe_finds_nothing_serious_in_the_served_pages(tab: Any, full_lake: Lake) -> None:
    server = make_server(application(full_lake, title="live"))
    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=lambda: server.run(sockets=[door]))
        thread.start()
        try:
            address = f"http://127.0.0.1:{door.getsockname()[1]}"
            for path, ready in (
                ("/", "document.body.dataset.live"),
                ("/labels", "document.querySelector('.motion svg')"),
            ):
                for width, dark in ((1280, False), (390, True)):
                    tab.open(address + path, width=width, dark=dark)
                    tab.wait_for(f"Boolean({ready})")
                    assert faults(tab) == []
                    assert tab.evaluate("document.documentElement.scrollWidth") <= width
            tab.evaluate("document.querySelector('.motion button').click()")
            tab.wait_for("Number(document.querySelector('.motion input').value) > 2")
            assert tab.errors == []
            assert all(asked.startswith((address, "data:")) for asked in tab.requests)
            tab.open("about:blank")
        finally:
            server.should_exit = True
            thread.join()
