"""What the driver disturbs: each operation with the state it starts from and what must be true in the end.

An operation may be run again in the same folder, after any end of the run before. `content` is what an undisturbed
run leaves, row by row, without times and dates; leftovers (temporary files and folders) are part of it.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forks
import numpy as np

from body.joints import KEYPOINTS_25
from storage.commit import ORDER, commit_shard
from storage.erase.names import Target
from storage.erase.run import erase
from storage.erase.search import search
from storage.errors import CommitAborted, LakeError
from storage.example_rows import shard, source_name, video_row
from storage.export.dataset import export_dataset
from storage.export.humandata import export_humandata
from storage.export.import_instavariety import NAMES, import_instavariety
from storage.export.verify import verify_dataset
from storage.export.vibe import export_vibe
from storage.lake import Lake
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile
from storage.rewrite import compact, sweep
from storage.snapshot import digests, freeze, load, nested, save, select
from storage.tables import iter_tracklets
from storage.windows import WindowStore

Content = dict[str, list[str]]
WHEN = ("committed_at", "stage_seconds", "provenance", "evidence")
"""Columns that may differ between two runs of the same: times, dates, where files were read from."""
KILLS = ("killed", "terminated", "interrupted")
SHORTAGES = ("disk full", "too many open files", "file too large")


@dataclass(frozen=True)
class Operation:
    """`prepare` makes the state before, `run` is disturbed and run again, `content` lists what is there then."""

    name: str
    prepare: Callable[[Path], object]
    run: Callable[[Path], object]
    content: Callable[[Path], Content]
    faults: tuple[str, ...] = ("killed", "interrupted")
    trials: int = 12
    """Trials of each fault."""


def leftovers(folder: Path) -> list[str]:
    """Temporary files and folders, and empty folders, wherever they lie."""
    strange = [path for path in folder.rglob("*") if path.name.startswith((".", "tmp")) or path.suffix == ".tmp"]
    empty = [path for path in folder.rglob("*") if path.is_dir() and not any(path.iterdir())]
    return sorted({str(path.relative_to(folder)) for path in (*strange, *empty)})


def file_digests(folder: Path, *suffixes: str) -> list[str]:
    """'path: sha256' of the files, for content that is equal byte by byte."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and (not suffixes or path.suffix in suffixes)]
    return [f"{path.relative_to(folder)}: {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths]


def rows_of(lake: Lake) -> Content:
    """A digest of each row of each table."""
    content: Content = {}
    for name in ORDER:
        rows = lake.read(name)
        rows = rows.drop_columns([column for column in WHEN if column in rows.column_names])
        content[name] = sorted(hashlib.sha256(repr(row).encode()).hexdigest()[:20] for row in rows.to_pylist())
    return content


def settled(folder: Path) -> Content:
    """Rows and states of a lake whose books balance; problems and unnamed files are part of the content.

    What a dying writer left without a name goes with the maintenance of an hour later, whose sweep is made here.
    """
    lake = Lake(folder / "lake")
    ledger = Ledger.open(lake.root)
    findings = reconcile(lake, ledger, force=True)
    for name in ORDER:
        sweep(lake, name, older_than_s=0.0)
    again = reconcile(lake, ledger)
    states = [f"{entry.item.item_id} {entry.state} {entry.tracklets}" for entry in ledger.entries()]
    ledger.close()
    tables = {name: lake.folder(name).open() for name in ORDER}
    named = {file for name, table in tables.items() if table for file in lake.folder(name).file_names(table)}
    files = {path.name for name in ORDER for path in (folder / "lake" / name).glob("*.parquet")}
    problems = [*findings.problems, *again.problems, *again.repaired]
    return {**rows_of(lake), "states": sorted(states), "problems": problems, "unnamed files": sorted(files - named)}


SOURCES = [source_name(number) for number in range(6)]


def _item(source: str) -> Item:
    return Item(source, "films.test", str(video_row(source)["url"]), f"uploader-{source[:6]}",
                {"title": f"a film {source[:6]}"})  # fmt: skip


def _commit_all(folder: Path) -> None:
    """Six videos in three commits, by a worker that takes what is pending, as often as it is started."""
    lake = Lake(folder / "lake")
    ledger = Ledger.open(lake.root)
    reconcile(lake, ledger)
    ledger.ask([_item(source) for source in SOURCES], recipe="k1")
    while ledger.books().pending:
        claims = [claim.item.item_id for claim in ledger.claim("w", limit=2, lease_s=0.5)]
        if not claims:
            reconcile(lake, ledger)
            continue
        try:
            finished = {source: Finished("k1", 2) for source in claims}
            commit_shard(
                lake, ledger, "w", shard(claims, frames=8), finished, between=lambda step: forks.step_reached(step)
            )
        except CommitAborted:
            continue
    ledger.close()


def _filled(folder: Path) -> None:
    """Six videos, committed one by one, with a snapshot, a page and caches that name them."""
    lake = Lake(folder / "lake")
    ledger = Ledger.open(lake.root)
    ledger.ask([_item(source) for source in SOURCES], recipe="k1")
    for _ in SOURCES:
        (claim,) = ledger.claim("w", limit=1)
        source = claim.item.item_id
        commit_shard(lake, ledger, "w", shard([source], frames=8), {source: Finished("k1", 2)})
    freeze(lake)
    titles = "".join(f"<p>a film {source[:6]} by uploader-{source[:6]}</p>" for source in SOURCES)
    lake.disk.write(f"{lake.root}/pages/all.html", titles.encode())
    ledger.close()


GONE = SOURCES[2]


def _erase(folder: Path) -> None:
    lake = Lake(folder / "lake")
    ledger = Ledger.open(lake.root)
    try:
        erase(lake, ledger, Target(sources=(GONE,)))
    except LakeError as error:
        if "nothing" not in str(error) and "no " not in str(error):
            raise
        print(f"erased already: {error}")
    finally:
        ledger.close()


def _after_erasure(folder: Path) -> Content:
    row, tracks = video_row(GONE), shard([GONE], frames=8)["tracklets"]
    names = {GONE, str(row["url"]), str(row["title"]), str(row["uploader"]), str(row["content_sha256"])}
    names |= set(tracks["tracklet_id"].to_pylist())
    values = {float(np.asarray(keypoints, np.float32).ravel()[0]) for keypoints in tracks["keypoints"].to_pylist()}
    content = settled(folder)
    states = [state for state in content.pop("states") if not state.startswith("erased:")]
    return {**content, "states": states, "left": search(folder / "lake", names, values)}


def _tidy(folder: Path) -> None:
    lake = Lake(folder / "lake")
    for name in ORDER:
        compact(lake, name)
        sweep(lake, name, older_than_s=0.0)


def _freeze(folder: Path) -> None:
    lake = Lake(folder / "lake")
    whole = freeze(lake)
    for hundredth in (20, 40, 60, 80):
        save(lake, nested(whole, fraction=hundredth / 100))


def _frozen(folder: Path) -> Content:
    lake = Lake(folder / "lake")
    return {"snapshots": [f"{digest} {len(load(lake, digest))}" for digest in sorted(digests(lake))],
            "leftovers": leftovers(folder / "lake" / "snapshots")}  # fmt: skip


def _export(write: Callable[..., Path], name: str) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        lake = Lake(folder / "lake")
        out = folder / "out" / name
        if not (out / "manifest.sha256").exists():
            write(lake, freeze(lake), out)

    return run


def _exported(folder: Path) -> Content:
    problems = verify_dataset(folder / "out" / "dataset") if (folder / "out" / "dataset").exists() else []
    return {"files": file_digests(folder / "out", ".parquet", ".csv", ".json", ".npz"), "problems": problems,
            "leftovers": leftovers(folder / "out")}  # fmt: skip


def _databases(folder: Path) -> Content:
    """The exported file's name; its bytes hold dates."""
    paths = [path for path in (folder / "out").rglob("*") if path.is_file()]
    sizes = [f"{path.name} {path.stat().st_size // 100}" for path in sorted(paths)]
    return {"files": sizes, "leftovers": leftovers(folder / "out")}


def _export_whole(lake: Lake, snapshot: Any, out: Path) -> Path:
    return export_dataset(lake, snapshot, out, joints=KEYPOINTS_25)


def _tracks(folder: Path) -> None:
    """Twelve tracks of OpenPose keypoints as the InstaVariety's authors wrote them."""
    for number in range(12):
        track = folder / "tracks" / "dance" / f"post{number // 2}" / str(number)
        track.mkdir(parents=True)
        for frame in range(3):
            joints = {name: {"x": 10.0 + number, "y": 20.0 + frame, "logits": 0.9} for name in NAMES if name != "Head"}
            box = {"xmin": 1.0, "ymin": 2.0, "xmax": 60.0, "ymax": 90.0}
            (track / f"{frame}.json").write_text(json.dumps({"frame": frame, "bbox": box, **joints}))


def _import(folder: Path) -> None:
    lake = Lake(folder / "lake")
    ledger = Ledger.open(lake.root)
    import_instavariety(lake, folder / "tracks", ledger)
    ledger.close()


def _imported(folder: Path) -> Content:
    lake = Lake(folder / "lake")
    ids = [track.tracklet_id for track in iter_tracklets(lake)]
    return {**rows_of(lake), "ids": sorted(ids)}


def _windows(folder: Path) -> None:
    lake = Lake(folder / "lake")
    WindowStore.build(lake, select(lake), "keypoints")


def _built(folder: Path) -> Content:
    place = Path(Lake(folder / "lake").layout.windows)
    return {"files": file_digests(place), "leftovers": leftovers(place)}


MANY = [Item(source_name(number), "films.test", f"https://films.test/{number}.mp4") for number in range(2000)]


def _ask(folder: Path) -> None:
    ledger = Ledger.open(Lake(folder / "lake").root)
    for start in range(0, len(MANY), 250):
        ledger.ask(MANY[start : start + 250], recipe="k1")
    ledger.reject_waiting({item.item_id: ("licence_unknown", {}) for item in MANY[::2]})
    ledger.close()


def _asked(folder: Path) -> Content:
    ledger = Ledger.open(Lake(folder / "lake").root)
    states = sorted(f"{entry.item.item_id} {entry.state}" for entry in ledger.entries())
    problems = [] if ledger.books().balanced else ["the books do not balance"]
    ledger.close()
    return {"states": states, "problems": problems}


def _nothing(folder: Path) -> None:
    folder.mkdir(exist_ok=True)


STORED = (
    Operation("commit", _nothing, _commit_all, settled, (*KILLS, *SHORTAGES, "two at once", "killed at a step"), 12),
    Operation("erase", _filled, _erase, _after_erasure, (*KILLS, *SHORTAGES), 15),
    Operation("compaction", _filled, _tidy, settled, (*KILLS, *SHORTAGES), 10),
    Operation("snapshot", _filled, _freeze, _frozen, (*KILLS, *SHORTAGES, "two at once"), 8),
    Operation("export dataset", _filled, _export(_export_whole, "dataset"), _exported, ("killed", "disk full",
              "interrupted", "file too large"), 10),
    Operation("export vibe", _filled, _export(export_vibe, "vibe"), _databases, ("killed", "disk full"), 8),
    Operation("export humandata", _filled, _export(export_humandata, "humandata"), _databases,
              ("killed", "disk full"), 8),
    Operation("import", _tracks, _import, _imported, ("killed", "interrupted", "disk full", "two at once"), 10),
    Operation("windows", _filled, _windows, _built, ("killed", "disk full", "two at once", "frozen"), 10),
    Operation("ledger", _nothing, _ask, _asked, (*KILLS, "disk full", "two at once"), 8),
)  # fmt: skip
