"""Series compared in a real Chromium: names, differences with their intervals, the address, hostile and many series."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import t, ttest_rel

from dashboard.page import export
from storage.lake import Lake
from storage.tables import rows_to_table
from tests.dashboard.conftest import HOSTILE, score

Browse = Callable[[], AbstractContextManager[Any]]
COMPARISON = "document.querySelector('.compare').comparison"
VENDOR = {
    "d3.min.js": "912111098ea99503a6f4967361d2bbdc9dbf58cf9c678c8e27e5b02d1a07f0c1",
    "plot.umd.min.js": "4358086467740777dd788d6b27a95cebdbaefdd50c730a3060117073bd7134cb",
}


def test_kept_scripts_are_as_their_packages_have_them() -> None:
    folder = Path(__file__).parents[2] / "dashboard" / "vendor"
    assert {name: sha256((folder / name).read_bytes()).hexdigest() for name in VENDOR} == VENDOR
    assert {path.name for path in folder.iterdir()} == {*VENDOR, "LICENCES"}


@pytest.fixture(scope="module")
def tab(browser: Browse) -> Iterator[Any]:
    with browser() as opened:
        yield opened


def cells(study: str, sizes: tuple[float, ...], seeds: int, start: float, **other: Any) -> list[dict[str, Any]]:
    rng = np.random.default_rng(len(study))
    return [
        score(f"{study}-{hours}-{seed}", "semi", hours, seed, "pa_mpjpe_mm", start - 9 * hours + rng.normal(),
              study=study, **other)
        for hours in sizes for seed in range(seeds)
    ]  # fmt: skip


def page_of(rows: list[dict[str, Any]], folder: Path) -> str:
    lake = Lake(folder / "lake")
    lake.append("scores", rows_to_table("scores", rows))
    return export(lake, folder / "page.html").as_uri()


@pytest.mark.slow
def test_differences_are_those_of_a_paired_t_test(tab: Any, tmp_path: Path) -> None:
    sizes = (0.0, 0.5, 1.0)
    rows = [*cells("s/base", sizes, 4, 100.0), *cells("s/smoothed labels", sizes, 4, 97.0)]
    tab.open(page_of(rows, tmp_path))
    tab.evaluate("document.querySelectorAll('input.one').forEach((box) => { if (!box.checked) box.click(); })")
    tab.evaluate(f"{COMPARISON}.state.picked = [0, 1]; {COMPARISON}.state.view = 'change'; {COMPARISON}.changed()")
    (found,) = tab.evaluate(
        f"{COMPARISON}.differences({COMPARISON}.setting()).map(({{rows, whole}}) => ({{rows, whole}}))"
    )
    value = {(row["study"], row["hours"], row["seed"]): row["value"] for row in rows}
    for row in found["rows"]:
        a, b = (np.array([value[name, row["size"], k] for k in range(4)]) for name in ("s/smoothed labels", "s/base"))
        interval = ttest_rel(a, b).confidence_interval(0.95)
        assert row["value"] == pytest.approx(np.mean(a - b))
        assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high), rel=1e-3)
    over = [np.mean([value["s/smoothed labels", h, k] - value["s/base", h, k] for h in sizes[1:]]) for k in range(4)]
    assert found["whole"]["value"] == pytest.approx(np.mean(over))
    names = "[...document.querySelectorAll('.said td:first-child')].map((cell) => cell.textContent)"
    assert set(tab.evaluate(names)) == {"smoothed labels"}
    assert tab.evaluate("t975(200)") == pytest.approx(t.ppf(0.975, 200), rel=1e-4)
    address = tab.evaluate("location.href")
    tab.open("about:blank")
    tab.open(address)
    assert tab.evaluate(f"{COMPARISON}.state.view") == "change"
    assert tab.evaluate(f"{COMPARISON}.state.picked") == [0, 1]
    assert tab.errors == []


@pytest.mark.slow
def test_two_hundred_series_one_point_and_hostile_names(tab: Any, tmp_path: Path) -> None:
    rows = [row for n in range(199) for row in cells(f"many/variant {n}", (0.0, 1.0), 2, 100.0 + n)]
    rows += cells(f"many/{HOSTILE}", (0.5,), 1, 90.0)
    tab.open(page_of(rows, tmp_path), width=390, height=800)
    assert tab.evaluate("typeof window.pwned") == "undefined"
    assert tab.evaluate("document.querySelectorAll('input.one').length") == 200
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.evaluate("document.querySelectorAll('input.one').forEach((box) => { if (!box.checked) box.click(); })")
    ends = "[...document.querySelectorAll('#plot-compare g[data-mark=text]')].length"
    assert tab.evaluate(ends) == 6
    lonely = f"{COMPARISON}.data.series.findIndex((one) => one.name.includes('onerror'))"
    tab.evaluate(f"{COMPARISON}.state.picked = [{lonely}]; {COMPARISON}.changed()")
    assert tab.evaluate("document.querySelectorAll('#plot-compare g[data-mark=dot] > *').length") == 1
    for view in ("sets", "change"):
        for hours in ("log", "linear"):
            tab.evaluate(f"Object.assign({COMPARISON}.state, {json.dumps({'view': view, 'hours': hours})})")
            tab.evaluate(f"{COMPARISON}.changed()")
    tab.evaluate(f"{COMPARISON}.state.picked = []; {COMPARISON}.changed()")
    assert "No series is picked" in tab.evaluate("document.querySelector('#plot-compare').textContent")
    assert tab.evaluate("typeof window.pwned") == "undefined"
    assert tab.errors == []


@pytest.mark.slow
def test_an_address_of_anything_leaves_a_chart(tab: Any, tmp_path: Path) -> None:
    page = page_of(cells("s", (0.0, 1.0), 2, 100.0), tmp_path)
    for fragment in ("compare?", "compare?series=zzz.&view=x&hours=7&metric=<b>&set=", "compare?%E0%A4%A"):
        tab.open("about:blank")
        tab.open(f"{page}#{fragment}")
        assert tab.evaluate("document.querySelectorAll('#plot-compare g[data-mark=dot] > *').length") == 4
    assert tab.errors == []
