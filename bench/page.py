"""What the pages cost: bytes, first paint and time until the numbers are there, on a lake of any size; and the live
page's CPU at rest.

    python bench/page.py make /tmp/million --tracklets 1000000      # rows written directly, without films
    python bench/page.py live /tmp/million [--root CHECKOUT]        # first paint of `hmmr dashboard`, CPU at rest
    python bench/page.py open PAGE.html ...                         # bytes and first paint of exported pages

First paint is Chromium's own first-contentful-paint, of three loads the median (`open`: five such in
turn, and the least of them); CPU is user and system time of the
server's process.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from storage.lake import Lake
from storage.ledger.items import Item
from storage.ledger.ledger import Ledger
from storage.schema import TABLES
from storage.tables import rows_to_table

ROOT = Path(__file__).resolve().parents[1]
CHUNK = 50_000
A_VIDEO = 10
"""Tracklets."""
PAINT = "JSON.stringify(performance.getEntriesByName('first-contentful-paint').map((e) => e.startTime))"


def constant(kind: pa.DataType, value: Any, rows: int) -> pa.Array:
    """A column of one value."""
    return pa.array([value], kind).take(pa.array(np.zeros(rows, np.int64)))


def chunk(name: str, rows: int, **columns: pa.Array) -> pa.Table:
    """Rows of a table: these columns, and one value in all others."""
    defaults = {"string": "x", "float": 0.9, "double": 2.0, "int32": 25, "int64": 1, "bool": True}
    made = []
    for field in TABLES[name]:
        column = columns.get(field.name)
        if column is None:
            kind = str(field.type)
            value: Any = defaults.get(kind)
            if kind.startswith("timestamp"):
                value = datetime(2026, 11, 1, tzinfo=UTC)
            if pa.types.is_list(field.type):
                value = [[1.0] * 75] * 2 if "list" in str(field.type.value_type) else []
            column = constant(field.type, value, rows)
        made.append(column.cast(field.type))
    return pa.Table.from_arrays(made, schema=TABLES[name])


def make(folder: Path, tracklets: int) -> None:
    """A lake of so many tracklets, ten a video, half as many rejects, and a ledger of the videos."""
    lake = Lake(folder)
    for name in ("tracklets", "rejects", "videos"):
        lake.append(name, TABLES[name].empty_table())
    rng = np.random.default_rng(0)
    tags = pa.array([["dance"], ["sport", "jump"], [], ["walk"]], pa.list_(pa.string()))
    for start in range(0, tracklets, CHUNK):
        rows = min(CHUNK, tracklets - start)
        source = [f"v{(start + n) // A_VIDEO:08d}" for n in range(rows)]
        write_deltalake(lake.layout.table("tracklets"), chunk(
            "tracklets", rows, tracklet_id=pa.array([f"t{start + n:08d}" for n in range(rows)]),
            source_id=pa.array(source), seconds=pa.array(rng.uniform(1, 9, rows)),
            tags=tags.take(pa.array(rng.integers(0, 4, rows))),
            mean_score=pa.array(rng.uniform(0.4, 1, rows)),
        ), mode="append")  # fmt: skip
        write_deltalake(lake.layout.table("rejects"), chunk(
            "rejects", rows // 2, source_id=pa.array(source[::2]),
            reason=pa.array([f"reason_{n % 9}" for n in range(rows // 2)]),
            stage=constant(pa.string(), "filter", rows // 2),
        ), mode="append")  # fmt: skip
        videos = rows // A_VIDEO
        write_deltalake(lake.layout.table("videos"), chunk(
            "videos", videos, source_id=pa.array(source[::A_VIDEO]),
            title=pa.array([f"film {start + n}" for n in range(videos)]),
            host=pa.array([f"host{n % 20}.example" for n in range(videos)]),
            stage_seconds=constant(pa.string(), json.dumps({"pose": {"wall": 8.0, "cpu": 7.5}}), videos),
        ), mode="append")  # fmt: skip
        print(f"{start + rows:,} tracklets", flush=True)
    ledger = Ledger.open(folder)
    ledger.ask([Item(f"v{n:08d}", f"host{n % 20}.example") for n in range(tracklets // A_VIDEO)])
    ledger.close()
    lake.append("scores", rows_to_table("scores", _scores()))


def _scores() -> list[dict[str, Any]]:
    return [
        {"score_id": f"{hours}-{seed}", "run_id": f"{hours}-{seed}", "study": "made up", "variant": "semi",
         "phi_name": "phi", "hours": hours, "seed": seed, "dataset": "films", "split": "test", "protocol": "open_v1",
         "sequence": "*macro",
         "metric": "pa_mpjpe_mm", "value": 130 - 5 * hours + seed, "n_frames": 9, "commit": "c",
         "scored_at": datetime(2026, 11, 2, tzinfo=UTC) + timedelta(seconds=seed)}
        for hours in (0.0, 1.0, 2.0, 4.0) for seed in range(3)
    ]  # fmt: skip


def browser() -> Any:
    """scripts/browse.py's browser."""
    spec = importlib.util.spec_from_file_location("browse", ROOT / "scripts" / "browse.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.browser()


def paint(tab: Any, address: str) -> float:
    """Median first paint of three loads, ms."""
    times = []
    for _ in range(3):
        tab.call("Page.enable")
        tab.call("Page.navigate", url="about:blank")
        tab.wait_for("location.href === 'about:blank'")
        tab.call("Page.navigate", url=address)
        tab.wait_for("performance.getEntriesByName('first-contentful-paint').length > 0")
        times.append(json.loads(tab.evaluate(PAINT))[0])
    return statistics.median(times)


def cpu_s(pid: int) -> float:
    """User and system seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def live(lake: Path, root: Path, rest_s: float) -> None:
    """First paint of a fresh server, time until its numbers, and CPU at rest with the page open."""
    code = "from cli.main import app; app()"
    command = [sys.executable, "-c", code, "dashboard", "--lake", str(lake), "--port", "0"]
    server = subprocess.Popen(
        command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().split()[0]
        with browser() as tab:
            tab.call("Page.enable")
            began = time.monotonic()
            tab.call("Page.navigate", url=address)
            tab.wait_for("performance.getEntriesByName('first-contentful-paint').length > 0")
            first = json.loads(tab.evaluate(PAINT))[0]
            tab.wait_for("document.body.innerText.includes('tracklets')")
            numbers = time.monotonic() - began
            again = paint(tab, address)
            time.sleep(5)
            before = cpu_s(server.pid)
            time.sleep(rest_s)
            rest = 100 * (cpu_s(server.pid) - before) / rest_s
        if (root / "dashboard" / "live.py").exists():
            asked = time.monotonic()
            with urllib.request.urlopen(f"{address}lake") as answer:
                size = len(answer.read())
            print(f"/lake: {size:,} bytes after {time.monotonic() - asked:.1f} s")
    finally:
        server.terminate()
        server.wait(timeout=20)
    print(f"first paint {first:.0f} ms, numbers after {numbers:.1f} s, first paint again {again:.0f} ms, "
          f"CPU at rest {rest:.2f} %")  # fmt: skip


def main() -> None:
    """One of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "live", "open"))
    parser.add_argument("places", type=Path, nargs="+")
    parser.add_argument("--tracklets", type=int, default=1_000_000)
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--rest", type=float, default=60.0)
    options = parser.parse_args()
    if options.what == "make":
        make(options.places[0], options.tracklets)
    elif options.what == "live":
        live(options.places[0], options.root.resolve(), options.rest)
    else:
        with browser() as tab:
            rounds = [[paint(tab, place.resolve().as_uri()) for place in options.places] for _ in range(5)]
        for place, times in zip(options.places, zip(*rounds, strict=True), strict=True):
            shown = statistics.median(times)
            print(f"{place}: {place.stat().st_size:,} bytes, first paint {shown:.0f} ms (least {min(times):.0f})")


if __name__ == "__main__":
    main()
