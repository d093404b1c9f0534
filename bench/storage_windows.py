"""Windows of 20 frames at random: our memory maps against the same data in VIBE's h5 and in joblib, in one run.

    python bench/storage_windows.py                        # needs h5py; joblib where it is installed

h5 as VIBE's loader reads it: the file is opened for each window (lib/dataset/insta.py). h5 kept open is the kinder
reading. joblib as PHALP keeps it: a pickle a tracklet, loaded for each window that comes up.
"""

import argparse
import hashlib
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np

from storage.example_rows import feature_row, source_name, tracklet_row
from storage.export.crop_tracks import crop_tracks
from storage.export.vibe import export_vibe
from storage.lake import Lake
from storage.snapshot import Snapshot, freeze
from storage.tables import rows_to_table
from storage.windows import WindowStore

LENGTH, BATCH, BATCHES = 20, 32, 12


def main() -> None:
    """Build the three and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracklets", type=int, default=1500)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--dim", type=int, default=1152)
    parser.add_argument("--seconds", type=float, default=6.0, help="for each way")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="windows-"))
    try:
        lake, snapshot = make_lake(folder, asked.tracklets, asked.frames, asked.dim)
        ways = {**ours(lake, snapshot), **h5(lake, snapshot, folder), **by_joblib(lake, snapshot, folder)}
        before = anonymous_mib()
        rates = {name: rate(draw, asked.seconds) for name, draw in ways.items()}
        print(f"private memory grew by {anonymous_mib() - before:.0f} MiB while all ways drew")
        print(f"the same batches with 1, 2 and 3 loader processes: {same_order(lake, snapshot)}")
    finally:
        shutil.rmtree(folder)
    print(f"{asked.tracklets} tracklets of {asked.frames} frames, phi {asked.dim}, windows of {LENGTH} frames\n")
    print("| way | windows/s | ours is so many times faster |\n|---|---|---|")
    for name, found in rates.items():
        print(f"| {name} | {found:,.0f} | {rates['ours'] / found:.1f} |")


def rate(draw: Callable[[np.random.Generator], int], seconds: float) -> float:
    """Windows a second, after one call to warm up."""
    random = np.random.default_rng(0)
    draw(random)
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        count += draw(random)
    return count / (time.perf_counter() - begin)


def anonymous_mib() -> float:
    """Private memory of this process; pages of mapped files are the system's to drop."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("RssAnon")]
    return int(line.split()[1]) / 1024


def same_order(lake: Lake, snapshot: Snapshot) -> bool:
    """Whether real loader processes, however many, make the batches that one makes."""
    folder = WindowStore.build(lake, snapshot, "keypoints").folder
    found = []
    for workers in (1, 2, 3):
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            parts = pool.starmap(digests, [(folder, worker, workers) for worker in range(workers)])
        found.append([parts[number % workers][number // workers] for number in range(BATCHES)])
    return found[0] == found[1] == found[2]


def digests(folder: Path, worker: int, workers: int) -> list[str]:
    """SHA-256 of each of this worker's share of the first batches."""
    batches = WindowStore(folder).batches(LENGTH, BATCH, seed=7, worker=worker, workers=workers)
    mine = len(range(worker, BATCHES, workers))
    return [hashlib.sha256(batch.phi_BTxD.tobytes() + batch.keypoints_BTx25x3.tobytes()).hexdigest()
            for batch in islice(batches, mine)]  # fmt: skip


def make_lake(folder: Path, tracklets: int, frames: int, dim: int) -> tuple[Lake, Snapshot]:
    """Generated rows in a lake, and a snapshot of all of them."""
    lake = Lake(folder / "lake")
    for first in range(0, tracklets, 250):
        rows = [tracklet_row(source_name(n), frames=frames) for n in range(first, min(first + 250, tracklets))]
        lake.append("tracklets", rows_to_table("tracklets", rows))
        lake.append("features", rows_to_table("features", [feature_row(row, dim) for row in rows]))
    return lake, freeze(lake)


def ours(lake: Lake, snapshot: Snapshot) -> dict[str, Callable[[np.random.Generator], int]]:
    """Batches of the window store."""
    begin = time.perf_counter()
    store = WindowStore.build(lake, snapshot, "keypoints")
    print(f"window store built from the tables in {time.perf_counter() - begin:.1f} s")
    total = store.count(LENGTH)

    def draw(random: np.random.Generator) -> int:
        batch = store.batch(random.integers(total, size=BATCH), LENGTH)
        return len(batch.start_B)

    return {"ours": draw}


def h5(lake: Lake, snapshot: Snapshot, folder: Path) -> dict[str, Callable[[np.random.Generator], int]]:
    """VIBE's file, opened for each window and kept open."""
    import h5py

    path = export_vibe(lake, snapshot, folder)
    with h5py.File(path) as db:
        frames = len(db["frame_id"])
    open_db = h5py.File(path)

    def read(db: "h5py.File", start: int) -> int:
        part = slice(start, start + LENGTH)
        _ = db["joints2D"][part], db["features"][part], db["vid_name"][part], db["frame_id"][part]
        return 1

    def opened(random: np.random.Generator) -> int:
        with h5py.File(path) as db:
            return read(db, int(random.integers(frames - LENGTH)))

    return {
        "h5, opened a window (VIBE)": opened,
        "h5, kept open": lambda random: read(open_db, int(random.integers(frames - LENGTH))),
    }


def by_joblib(lake: Lake, snapshot: Snapshot, folder: Path) -> dict[str, Callable[[np.random.Generator], int]]:
    """A joblib pickle a tracklet."""
    try:
        import joblib
    except ImportError:
        print("joblib is not installed: left out")
        return {}
    files = []
    for track in crop_tracks(lake, snapshot, "keypoints"):
        files.append(folder / f"{track.tracklet_id}.joblib")
        joblib.dump({"joints2D": track.keypoints_T25x3, "features": track.phi_TxD, "bbox": track.boxes_T4}, files[-1])

    def draw(random: np.random.Generator) -> int:
        data = joblib.load(files[int(random.integers(len(files)))])
        start = int(random.integers(len(data["bbox"]) - LENGTH + 1))
        _ = [rows[start : start + LENGTH].copy() for rows in data.values()]
        return 1

    return {"joblib, a file a tracklet (PHALP)": draw}


if __name__ == "__main__":
    main()
