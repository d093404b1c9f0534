"""Windows for training: exact slices, the same for a seed, gone after an erasure."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.erase.names import Target
from storage.erase.run import erase
from storage.errors import LakeError, NoSuchLake
from storage.example_rows import shard, source_name
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.rewrite import compact
from storage.snapshot import freeze, nested
from storage.tables import iter_tracklets, read_phi
from storage.windows import WindowStore, scan


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    for i, frames in enumerate((30, 20, 19, 25)):
        for name, table in shard([source_name(i)], frames=frames).items():
            lake.append(name, table)
    return lake


def test_every_window_is_the_slice_that_the_tables_say(lake: Lake) -> None:
    compact(lake, "features")  # another order than the tracklets'
    store = WindowStore.build(lake, freeze(lake), "keypoints")
    assert store.count(20) == 2 * (11 + 1 + 0 + 6)
    tracks = {track.tracklet_id: track for track in iter_tracklets(lake)}
    phi = read_phi(lake, "keypoints")
    batch = store.batch(np.arange(store.count(20)), 20)
    seen = set()
    for i, (place, start) in enumerate(zip(batch.tracklet_B, batch.start_B, strict=True)):
        name, part = store.tracklet_ids[place], slice(start, start + 20)
        seen.add((name, int(start)))
        np.testing.assert_array_equal(batch.phi_BTxD[i], phi[name][part])
        np.testing.assert_array_equal(batch.keypoints_BTx25x3[i], tracks[name].keypoints[part])
        np.testing.assert_array_equal(batch.boxes_BTx4[i], tracks[name].boxes[part])
    assert len(seen) == store.count(20)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_processes_gives_the_same_batches(lake: Lake, workers: int) -> None:
    store = WindowStore.build(lake, freeze(lake), "keypoints")
    plain = [batch.start_B for batch in islice(store.batches(20, 4, seed=5), 12)]
    loaders = [store.batches(20, 4, seed=5, worker=w, workers=workers) for w in range(workers)]
    shared = [next(loaders[b % workers]).start_B for b in range(12)]
    np.testing.assert_array_equal(plain, shared)
    resumed = [next(store.batches(20, 4, seed=5, first=7)).start_B]
    np.testing.assert_array_equal(resumed[0], plain[7])
    other = [batch.start_B for batch in islice(store.batches(20, 4, seed=6), 12)]
    assert not np.array_equal(plain, other)


@pytest.mark.parametrize("home", ["s3"], indirect=True)
def test_windows_of_a_lake_on_s3_are_the_same(
    lake: Lake, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HMMR_WINDOWS", str(tmp_path / "near"))
    remote = Lake(home.root)
    for name in ("tracklets", "features"):
        remote.append(name, lake.read(name))
    here = next(WindowStore.build(lake, freeze(lake), "keypoints").batches(20, 16, seed=1))
    store = WindowStore.build(remote, freeze(remote), "keypoints")
    assert store.folder.is_relative_to(tmp_path / "near")
    there = next(store.batches(20, 16, seed=1))
    np.testing.assert_array_equal(here.phi_BTxD, there.phi_BTxD)
    np.testing.assert_array_equal(here.keypoints_BTx25x3, there.keypoints_BTx25x3)
    erase(remote, Ledger.open(remote.root), Target(sources=(source_name(0),)))
    assert not store.folder.exists()


def test_the_newest_stores_stay_and_none_of_which_something_was_erased(lake: Lake) -> None:
    whole = freeze(lake)
    parts = [nested(whole, fraction=share) for share in (0.25, 0.5, 0.75)]
    stores = [WindowStore.build(lake, part, "keypoints") for part in parts]
    assert [store.folder.exists() for store in stores] == [False, True, True]
    stores[-1].delete()
    assert not stores[-1].folder.exists()
    assert len(stores[-1].phi_at(np.arange(3))) == 3, "who has it open reads on"


def test_what_a_killed_process_left_half_made_goes(lake: Lake) -> None:
    folder = Path(lake.layout.windows)
    (folder / ".0123.unfinished").mkdir(parents=True)
    store = WindowStore.build(lake, freeze(lake), "keypoints")
    assert {path for path in folder.iterdir() if path.is_dir()} == {store.folder}


def test_what_is_found_out_about_windows_is_made_once(lake: Lake) -> None:
    store, calls = WindowStore.build(lake, freeze(lake), "keypoints"), list[int]()

    def make() -> dict[str, Any]:
        calls.append(1)
        return {"sum": 0.1}

    assert [store.once("sum", make) for _ in range(2)] == [{"sum": 0.1}] * 2
    (store.folder / "sum.json").write_text("{")
    assert store.once("sum", make) == {"sum": 0.1}
    assert len(calls) == 2


def test_it_is_built_once_and_only_of_the_snapshot(lake: Lake) -> None:
    part = nested(freeze(lake), fraction=0.5)
    store = WindowStore.build(lake, part, "keypoints")
    assert set(store.tracklet_ids) == set(part.tracklet_ids)
    written = (store.folder / "phi").stat().st_mtime_ns
    assert (WindowStore.build(lake, part, "keypoints").folder / "phi").stat().st_mtime_ns == written


def test_an_erasure_takes_the_decoded_frames_too(lake: Lake) -> None:
    store = WindowStore.build(lake, freeze(lake), "keypoints")
    erase(lake, Ledger.open(lake.root), Target(sources=(source_name(0),)))
    assert not store.folder.exists()


def test_what_is_missing_is_named(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="no_such_phi"):
        WindowStore.build(lake, freeze(lake), "no_such_phi")
    assert not [path for path in Path(lake.layout.windows).iterdir() if path.is_dir()]
    with pytest.raises(LakeError, match="31 frames"):
        next(WindowStore.build(lake, freeze(lake), "keypoints").batches(31, 4, seed=0))
    with pytest.raises(LakeError, match="holds no windows"):
        WindowStore(tmp_path)


@pytest.mark.parametrize("name", ["tracklets", "features"])
def test_a_file_that_is_gone_is_named_as_by_the_lakes_own_reader(lake: Lake, name: str) -> None:
    next(Path(lake.layout.table(name)).glob("*.parquet")).unlink()
    with pytest.raises(NoSuchLake, match=f"a file of {name} is missing"):
        list(scan(lake, "keypoints"))


def test_windows_that_are_made_during_an_erasure_do_not_stay(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    import storage.windows as module

    snapshot = freeze(lake)

    def erased_meanwhile(*args: Any) -> Any:
        yield from scan(*args)
        erase(lake, Ledger.open(lake.root), Target(sources=(source_name(0),)))
        Path(lake.layout.windows).mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(module, "scan", erased_meanwhile)
    with pytest.raises(LakeError, match="removed while it was made"):
        WindowStore.build(lake, snapshot, "keypoints")
    monkeypatch.setattr(module, "scan", scan)
    head = {"format": 1, "dim": 8, "frames": [], "tracklet_ids": snapshot.tracklet_ids}
    monkeypatch.setattr(module, "_write_arrays", lambda *_: head)
    with pytest.raises(LakeError, match="were erased while"):
        WindowStore.build(lake, snapshot, "keypoints")
    assert not [path for path in Path(lake.layout.windows).iterdir() if path.is_dir()]
