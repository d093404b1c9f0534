"""The lake at 10,000, 100,000 and 1,000,000 tracklets of 30 frames: seconds, files and memory of each step.

    python bench/storage_scale.py 10000 100000            # prints a Markdown table; 1000000 needs about 20 GB of disk

Each step runs in a process of its own, so that its peak memory is its own (about 150 MiB are the libraries). Rows are
generated; a commit carries 1,000 tracklets of 100 sources. "per row" against the size before shows growth in CPU
seconds: 1.0 is linear, less is better. With --out the results are kept, and a size that is there is not run again.
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
import pyarrow.compute as pc

from storage.atomic import write_json_atomically
from storage.erase.names import Target
from storage.erase.run import erase
from storage.example_rows import WHEN, source_name, tracklet_row
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.rewrite import compact, sweep
from storage.snapshot import digests, freeze, load, nested
from storage.stats import stats
from storage.tables import iter_tracklets, rows_to_table

ROWS_A_COMMIT, ROWS_A_SOURCE, FRAMES = 1_000, 10, 30


def main() -> None:
    """Run the sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="where the lakes go (default: a temporary folder)")
    parser.add_argument("--out", type=Path, help="JSON file of results, added to")
    asked = parser.parse_args()
    kept = json.loads(asked.out.read_text()) if asked.out is not None and asked.out.exists() else {}
    for size in asked.sizes:
        if str(size) not in kept:
            kept[str(size)] = measure(size, asked.folder)
            if asked.out is not None:
                write_json_atomically(asked.out, kept)
    print(table({size: kept[str(size)] for size in asked.sizes}))


def measure(size: int, folder: Path | None) -> dict[str, dict[str, float]]:
    """All steps at one size, on a lake that is deleted afterwards."""
    where = Path(tempfile.mkdtemp(prefix=f"lake-{size}-", dir=folder))
    steps = {}
    try:
        for name in STEPS:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                steps[name] = pool.apply(one_step, (name, str(where / "lake"), size))
            print(size, name, steps[name], flush=True)
    finally:
        shutil.rmtree(where)
    return steps


def one_step(name: str, root: str, size: int) -> dict[str, float]:
    """Wall and CPU seconds, peak memory of this process in MiB, files of the table."""
    begin, cpu = time.perf_counter(), time.process_time()
    STEPS[name](Lake(root), size)
    return {
        "seconds": time.perf_counter() - begin, "cpu": time.process_time() - cpu,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "files": float(len(list((Path(root) / "tracklets").glob("*.parquet")))),
    }  # fmt: skip


def append(lake: Lake, size: int) -> None:
    """Commits of 1,000 rows. The numbers of one commit serve all, shifted, so that making them costs little."""
    base = rows_to_table("tracklets", [tracklet_row(source_name(0), person, FRAMES) for person in range(ROWS_A_COMMIT)])
    for first in range(0, size, ROWS_A_COMMIT):
        lake.append("tracklets", _renamed(base, first))


def _renamed(base: pa.Table, first: int) -> pa.Table:
    numbers = np.arange(first, first + ROWS_A_COMMIT)
    sources = [source_name(int(number)) for number in numbers // ROWS_A_SOURCE]
    names = [f"{int(number):032x}" for number in numbers]
    keypoints = base["keypoints"].combine_chunks()
    # A commit of its own bytes: equal ones in all files would flatter the compression.
    values = pc.add(keypoints.values.values, pa.scalar(first / 997.0, pa.float32()))
    inner = pa.ListArray.from_arrays(keypoints.values.offsets, values)
    lists = pa.ListArray.from_arrays(keypoints.offsets, inner).cast(base.schema.field("keypoints").type)
    columns = {
        "tracklet_id": pa.array(names), "source_id": pa.array(sources), "keypoints": lists,
        "committed_at": pa.array([WHEN] * ROWS_A_COMMIT, base.schema.field("committed_at").type),
    }  # fmt: skip
    for name, column in columns.items():
        base = base.set_column(base.schema.get_field_index(name), base.schema.field(name), column)
    return base


def _compact(lake: Lake, _: int) -> None:
    compact(lake, "tracklets")
    sweep(lake, "tracklets", 0.0)


def _half_of(lake: Lake, _: int) -> None:
    half = nested(load(lake, digests(lake)[0]), fraction=0.5)
    among = pc.field("tracklet_id").isin(half.ids)
    assert lake.read("tracklets", ["seconds"], among).num_rows == len(half)


def _read_one_percent(lake: Lake, size: int) -> None:
    part = nested(load(lake, digests(lake)[0]), fraction=0.01)
    assert sum(1 for _ in iter_tracklets(lake, part.tracklet_ids)) == len(part) > size // 200


def _erase_one(lake: Lake, _: int) -> None:
    ledger = Ledger.open(lake.root)
    erase(lake, ledger, Target(sources=(source_name(3),)))
    ledger.close()


STEPS: dict[str, Callable[[Lake, int], object]] = {
    "append": append,
    "compact and sweep": _compact,
    "statistics": lambda lake, _: stats(lake),
    "snapshot of all": lambda lake, _: freeze(lake),
    "load snapshot": lambda lake, _: load(lake, digests(lake)[0]),
    "load, half of it, read its hours": _half_of,
    "load, read 1 % of the sources": _read_one_percent,
    "erase one source": _erase_one,
}


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
