"""The lake at 10,000, 100,000 and 1,000,000 tracklets of 30 frames: seconds, files and memory of each step.

    python bench/storage_scale.py 10000 100000            # prints a Markdown table; 1000000 needs about 12 GB of disk

Each size runs in a process of its own, so that its peak memory is its own. Rows are generated; a commit carries 1,000
tracklets of 100 sources. "per row" against the size before shows growth: 1.0 is linear, less is better.
"""

import argparse
import json
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from storage.erase import Target, erase
from storage.example_rows import WHEN, source_name, tracklet_row
from storage.lake import Lake
from storage.ledger import Ledger
from storage.rewrite import compact, sweep
from storage.snapshot import Snapshot, freeze, load, nested
from storage.stats import stats
from storage.tables import iter_tracklets, rows_to_table

ROWS_A_COMMIT, ROWS_A_SOURCE, FRAMES = 1_000, 10, 30


def main() -> None:
    """Run the sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="where the lakes go (default: a temporary folder)")
    asked = parser.parse_args()
    results = {size: _in_own_process(size, asked.folder) for size in asked.sizes}
    print(json.dumps(results))
    print(table(results))


def _in_own_process(size: int, folder: Path | None) -> dict[str, dict[str, float]]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (size, folder))


def measure(size: int, folder: Path | None) -> dict[str, dict[str, float]]:
    """All steps at one size: seconds, peak memory so far in MiB, files of the table."""
    where = Path(tempfile.mkdtemp(prefix=f"lake-{size}-", dir=folder))
    lake, steps = Lake(where / "lake"), {}
    ledger = Ledger.open(lake.root)

    def step(name: str, do: Callable[[], object]) -> object:
        begin, cpu = time.perf_counter(), time.process_time()
        result = do()
        steps[name] = {
            "seconds": time.perf_counter() - begin, "cpu": time.process_time() - cpu,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "files": float(len(list((where / "lake" / "tracklets").glob("*.parquet")))),
        }  # fmt: skip
        print(size, name, steps[name], flush=True)
        return result

    try:
        step("append", lambda: append(lake, size))
        step("compact", lambda: (compact(lake, "tracklets"), sweep(lake, "tracklets", 0.0)))
        step("statistics", lambda: stats(lake))
        whole = step("snapshot of all", lambda: freeze(lake))
        assert isinstance(whole, Snapshot)
        half = step("half of it", lambda: nested(whole, fraction=0.5))
        assert isinstance(half, Snapshot)
        step("load snapshot", lambda: load(lake, whole.digest))
        tenth = nested(whole, fraction=0.01)
        step("read 1 % of the sources", lambda: sum(1 for _ in iter_tracklets(lake, tenth.tracklet_ids)))
        step("erase one source", lambda: erase(lake, ledger, Target(sources=(source_name(3),))))
    finally:
        ledger.close()
        shutil.rmtree(where)
    return steps


def append(lake: Lake, size: int) -> None:
    """Commits of 1,000 rows. The numbers of one commit serve all, shifted, so that making them costs little."""
    base = rows_to_table("tracklets", [tracklet_row(source_name(0), person, FRAMES) for person in range(ROWS_A_COMMIT)])
    for first in range(0, size, ROWS_A_COMMIT):
        lake.append("tracklets", _renamed(base, first))


def _renamed(base: pa.Table, first: int) -> pa.Table:
    numbers = np.arange(first, first + ROWS_A_COMMIT)
    sources = [source_name(int(number)) for number in numbers // ROWS_A_SOURCE]
    names = [f"{int(number):032x}" for number in numbers]
    # A commit of its own noise: equal bytes in all files would flatter the compression.
    noise = np.random.default_rng(first).normal(0, 1, ROWS_A_COMMIT * FRAMES * 75).astype(np.float32)
    keypoints = base["keypoints"].combine_chunks()
    values = pa.array(keypoints.values.values.to_numpy() + noise)
    inner = pa.ListArray.from_arrays(keypoints.values.offsets, values)
    lists = pa.ListArray.from_arrays(keypoints.offsets, inner).cast(base.schema.field("keypoints").type)
    columns = {
        "tracklet_id": pa.array(names), "source_id": pa.array(sources), "keypoints": lists,
        "committed_at": pa.array([WHEN] * ROWS_A_COMMIT, base.schema.field("committed_at").type),
    }  # fmt: skip
    for name, column in columns.items():
        base = base.set_column(base.schema.get_field_index(name), base.schema.field(name), column)
    return base


def table(results: dict[int, dict[str, dict[str, float]]]) -> str:
    """Markdown: a row a step, a group of columns a size."""
    sizes = list(results)
    lines = [
        "| step | "
        + " | ".join(f"{s:,}: s, CPU s, files, peak MiB" for s in sizes)
        + " | per row, to the size before |"
    ]
    lines.append("|---" * (len(sizes) + 2) + "|")
    for name in results[sizes[0]]:
        cells = [results[size][name] for size in sizes]
        text = [f"{c['seconds']:.2f}, {c['cpu']:.2f}, {c['files']:.0f}, {c['peak_mib']:.0f}" for c in cells]
        growth = [
            f"{(big['cpu'] / size_big) / max(small['cpu'] / size_small, 1e-12):.2f}"
            for (size_small, small), (size_big, big) in zip(
                list(zip(sizes, cells, strict=True)), list(zip(sizes, cells, strict=True))[1:], strict=False
            )
        ]
        lines.append(f"| {name} | " + " | ".join(text) + f" | {', '.join(growth)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
