"""A disk that runs full in the middle of a commit: a small tmpfs, mounted in a namespace of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = """
import os
import sys
from pathlib import Path
from storage.commit import commit_shard
from storage.erase.run import erase
from storage.erase.names import Target
from storage.errors import LakeFull
from storage.example_rows import shard, source_name
from storage.ledger.items import Finished, Item
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile
from storage.snapshot import freeze, select
from storage.windows import WindowStore

room = Path(sys.argv[1])
lake = Lake(room / "lake")
ledger = Ledger.open(lake.root)

def harvest(numbers):
    sources = [source_name(n) for n in numbers]
    ledger.ask([Item(source, "films.test") for source in sources])
    claimed = [claim.item.item_id for claim in ledger.claim("w", limit=len(sources))]
    assert sorted(claimed) == sorted(sources), (claimed, sources)
    commit_shard(lake, ledger, "w", shard(sources, frames=60), {s: Finished("k1", 2) for s in sources})

def rows():
    return {name: sorted(map(repr, lake.read(name).to_pylist())) for name in ("tracklets", "features", "videos")}

harvest(range(2))
before = rows()
left = ROOM_LEFT
ballast = room / "ballast"
stat = os.statvfs(room)
ballast.write_bytes(b"x" * max(0, stat.f_bavail * stat.f_bsize - left))
try:
    harvest(range(2, 12))
except LakeFull as error:
    print("full:", error)
else:
    raise SystemExit("the disk did not run full")
assert rows() == before, "the lake changed"
others = {"a list": lambda: freeze(lake), "windows": lambda: WindowStore.build(lake, select(lake), "keypoints"),
          "an erasure": lambda: erase(lake, ledger, Target(sources=(source_name(0),)))}
if left < 100_000:  # not even these fit
    for name, do in others.items():
        ballast.write_bytes(b"x" * (ballast.stat().st_size + os.statvfs(room).f_bavail * stat.f_bsize))
        try:
            do()
        except LakeFull:
            continue
        raise SystemExit(f"{name} found space on a full disk")
    assert rows() == before, "the lake changed"
ballast.unlink()
found = reconcile(lake, ledger, force=True)
assert found.problems == [], found
ledger.expire("w")
books = ledger.books()
assert (books.done, books.asked) in ((2, 2), (2, 12)), books
harvest(range(2, 12))
assert ledger.books().done == 12
assert lake.read("tracklets").num_rows == 24
assert reconcile(lake, ledger).problems == []
parquet = {path.name for path in (room / "lake").rglob("*.parquet")}
named = {name for t in ("tracklets", "features", "videos", "rejects", "shots")
         for name in lake.folder(t).file_names(lake.folder(t).open())}
assert parquet == named, "half-written files are left"
"""


@pytest.mark.parametrize("room_left", [20_000, 300_000, 600_000])
def test_a_full_disk_leaves_the_lake_intact(tmp_path: Path, room_left: int, absent: Callable[[str], None]) -> None:
    """Room for nothing (the ledger notices), for some tables, and for most of them."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("ROOM_LEFT", str(room_left)))
    (tmp_path / "room").mkdir()
    inside = f"mount -t tmpfs -o size=4m tmpfs {tmp_path}/room && exec {sys.executable} {script} {tmp_path}/room"
    probe = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", tmp_path / "room"], capture_output=True)
    if probe.returncode:
        absent(f"no mount namespaces here: {probe.stderr.decode().strip()}")
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(["unshare", "-rm", "sh", "-c", inside], cwd=root, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "full: " in run.stdout
    assert "free some space" in run.stdout
