"""Erasing: nothing of the source is left, everything else is as it was, and it does not come back."""

import json
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from storage.commit import commit_shard
from storage.delta import CHECKPOINT_EVERY
from storage.erase import run as module
from storage.erase.names import Target
from storage.erase.run import erase
from storage.erase.search import search
from storage.errors import LakeError
from storage.example_rows import WHEN, shard, source_name, video_row
from storage.lake import Lake
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile
from storage.rewrite import compact
from storage.schema import TABLES
from storage.snapshot import freeze, load
from storage.tables import rows_to_table

SOURCES = [source_name(i) for i in range(6)]
GONE = SOURCES[2]


LOCAL = pytest.mark.parametrize("home", ["local"], indirect=True)
"""For what does not depend on where the lake lies."""
FILES = pytest.mark.parametrize("home", ["local", "s3"], indirect=True)
"""For what the ledger has no part in."""
LEDGERS = pytest.mark.parametrize("home", ["local", "postgres"], indirect=True)
"""For what is the ledger's part."""


def url_of(source: str) -> str:
    return str(video_row(source)["url"])


def page_of(sources: list[str]) -> str:
    """A stray page that names titles and people, once plain and once in JSON."""
    rows = [{"title": f"a film {s[:6]}", "by": f"uploader-{s[:6]}"} for s in sources]
    return json.dumps(rows) + "".join(f"<p>by {row['by']}</p>" for row in rows)


@pytest.fixture
def lake(home: Any) -> Lake:
    lake = Lake(home.root)
    ledger = Ledger.open(lake.root)
    ledger.ask(Item(s, "films.test", url_of(s), f"uploader-{s[:6]}", {"title": f"a film {s[:6]}"}) for s in SOURCES)
    ledger.claim("w", limit=6)
    for part in (SOURCES[:3], SOURCES[3:]):
        commit_shard(lake, ledger, "w", shard(part), {s: Finished("k1", 2) for s in part})
    return lake


def names_of(lake: Lake, source: str) -> tuple[set[str], set[float]]:
    rows = lake.read("tracklets", None, pc.field("source_id") == source).to_pylist()
    features = lake.read("features", None, pc.field("source_id") == source).to_pylist()
    rejects = lake.read("rejects", None, pc.field("source_id") == source).to_pylist()
    video = lake.read("videos", None, pc.field("source_id") == source).to_pylist()[0]
    names = {source, video["url"], video["title"], video["uploader"], video["content_sha256"]}
    names |= {row["tracklet_id"] for row in rows}
    first = [row[c][0][0] for row in rows for c in ("keypoints", "boxes")]
    first += [row["zero_shot_3d"][0][0] for row in features] + [row["keypoints"][0][0] for row in rejects]
    return names, set(first)


def others(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    keep = pc.field("source_id") != GONE
    tables = [name for name, schema in TABLES.items() if "source_id" in schema.names]
    return {name: sorted(lake.read(name, None, keep).to_pylist(), key=repr) for name in tables}


@LOCAL
def test_the_searcher_finds_what_is_there(home: Any, lake: Lake) -> None:
    names, values = names_of(lake, GONE)
    hits = "\n".join(search(home.searchable(), names, values))
    for name in names | {str(value) for value in values}:
        assert name in hits


def test_nothing_is_left_and_the_rest_is_unchanged(home: Any, lake: Lake) -> None:
    names, values = names_of(lake, GONE)
    before = others(lake)
    lake.disk.write(f"{lake.root}/cache/{GONE}/pose-abc.npz", b"x")
    lake.disk.write(f"{lake.layout.stage_cache(GONE)}/phi-abc", b"x")
    lake.disk.write(f"{lake.root}/cache/log.txt", f"did {GONE} from {url_of(GONE)}\n".encode())
    lake.disk.write(f"{lake.root}/pages/{GONE}.svg", b"x")
    lake.disk.write(f"{lake.root}/pages/all.html", page_of(SOURCES).encode())
    old = freeze(lake)
    run = {
        "run_id": "r", "kind": "train", "started_at": WHEN, "seconds": 1.0, "config": json.dumps({"only": [GONE]}),
        "snapshot": old.digest, "checkpoint": "checkpoints/m.pt", "command": "x", "commit": "c", "curves": "{}",
    }  # fmt: skip
    lake.append("runs", rows_to_table("runs", [run]))
    ledger = Ledger.open(lake.root)
    receipt = erase(lake, ledger, Target(sources=(url_of(GONE),)), why="asked by the person")
    ledger.close()

    assert search(home.searchable(), names, values) == []
    assert lake.disk.read(f"{lake.root}/pages/all.html").decode().count("a film") == len(SOURCES) - 1
    assert others(lake) == before
    assert receipt.rows == {"tracklets": 2, "features": 2, "rejects": 1, "videos": 1, "shots": 1}
    assert receipt.mentions == 1
    assert receipt.checkpoints == ("checkpoints/m.pt",)
    assert receipt.still_holding == ()
    left = load(lake, old.digest)
    assert receipt.snapshots == ((old.digest, left.digest),)
    assert set(left.sources) == set(SOURCES) - {GONE}
    text = Path(receipt.path).read_text()
    assert not any(name in text for name in names)
    assert json.loads(text)["why"] == "asked by the person"
    assert not Path(receipt.path).is_relative_to(lake.root)


@LOCAL
def test_a_title_that_another_video_has_too_is_left(lake: Lake) -> None:
    other = source_name(70)
    lake.append("videos", rows_to_table("videos", [video_row(other, title=f"a film {GONE[:6]}")]))
    lake.disk.write(f"{lake.root}/pages/all.html", page_of([GONE]).encode())
    erase(lake, Ledger.open(lake.root), Target(sources=(GONE,)))
    left = lake.disk.read(f"{lake.root}/pages/all.html").decode()
    assert f"a film {GONE[:6]}" in left
    assert f"uploader-{GONE[:6]}" not in left


@pytest.mark.parametrize("spelled", ['Tänzer & "Co"', 'T\\u00e4nzer & \\"Co\\"', "Tänzer &amp; &quot;Co&quot;"])
@LOCAL
def test_a_name_is_found_however_it_is_spelled(lake: Lake, spelled: str) -> None:
    new = source_name(71)
    lake.append("videos", rows_to_table("videos", [video_row(new, title='Tänzer & "Co"')]))
    lake.disk.write(f"{lake.root}/cache/log.txt", f"saw {spelled} today".encode())
    erase(lake, Ledger.open(lake.root), Target(sources=(new,)))
    assert "nzer" not in lake.disk.read(f"{lake.root}/cache/log.txt").decode()


@LEDGERS
def test_it_does_not_come_back(lake: Lake) -> None:
    ledger = Ledger.open(lake.root)
    erase(lake, ledger, Target(sources=(GONE,)))
    assert ledger.books().as_dict() == {"asked": 6, "done": 5, "rejected": 0, "failed": 0, "pending": 0, "erased": 1}
    assert ledger.ask([Item(GONE, "films.test")], recipe="new", retry_failed=True) == 0
    assert ledger.ask([Item("another-id", "films.test", url_of(GONE))]) == 0
    assert ledger.books().pending == 0
    assert ledger.tombstones.has("content", str(video_row(GONE)["content_sha256"]))
    assert ledger.claim("w") == []


@LEDGERS
def test_an_uploader_or_a_host_goes_as_a_whole(lake: Lake) -> None:
    ledger = Ledger.open(lake.root)
    erase(lake, ledger, Target(uploader=f"uploader-{GONE[:6]}"))
    assert set(lake.read("tracklets")["source_id"].to_pylist()) == set(SOURCES) - {GONE}
    assert ledger.ask([Item("new", "films.test", uploader=f"uploader-{GONE[:6]}")]) == 0
    erase(lake, ledger, Target(host="films.test"))
    assert all(lake.read(name).num_rows == 0 for name in TABLES)
    assert ledger.books().erased == 7
    assert ledger.ask([Item("newer", "films.test")]) == 0


@FILES
def test_old_files_of_a_compaction_are_searched_too(home: Any, lake: Lake) -> None:
    names, values = names_of(lake, GONE)
    for name in TABLES:
        compact(lake, name)
    ledger = Ledger.open(lake.root)
    erase(lake, ledger, Target(sources=(GONE,)))
    ledger.close()
    assert search(home.searchable(), names, values) == []


@LOCAL
def test_checkpoints_of_our_own_log_hold_nothing_either(home: Any, lake: Lake) -> None:
    names, values = names_of(lake, GONE)
    for _ in range(int(CHECKPOINT_EVERY)):
        lake.append("videos", rows_to_table("videos", [video_row(source_name(80))]))
    compact(lake, "videos")
    assert list(Path(lake.layout.table("videos")).glob("_delta_log/*.checkpoint.parquet"))
    erase(lake, Ledger.open(lake.root), Target(sources=(GONE,)))
    assert search(home.searchable(), names, values) == []


@FILES
def test_what_other_writers_put_into_the_log_goes_too(home: Any, lake: Lake) -> None:
    first = min(SOURCES)
    names, values = names_of(lake, first)
    for name in ("tracklets", "videos"):
        table = DeltaTable(lake.layout.table(name), storage_options=lake.disk.delta_options)
        table.optimize.compact()
        table.create_checkpoint()
    hits = search(home.searchable(), {first}, set())
    assert any("checkpoint" in hit for hit in hits), "Delta's own writer puts minima into its log"
    assert any("_delta_log" in hit and ".json" in hit for hit in hits)
    others = pc.field("source_id") != first
    before = {name: lake.read(name, None, others).to_pylist() for name in ("tracklets", "videos")}
    ledger = Ledger.open(lake.root)
    erase(lake, ledger, Target(sources=(first,)))
    ledger.close()
    assert search(home.searchable(), names, values) == []
    assert {name: lake.read(name).to_pylist() for name in before} == before


@LOCAL
def test_a_model_trained_before_an_earlier_erasure_is_still_named(lake: Lake) -> None:
    run = {
        "run_id": "r", "kind": "train", "started_at": WHEN, "seconds": 1.0, "config": "{}", "command": "x",
        "snapshot": freeze(lake).digest, "checkpoint": "m.pt", "commit": "c", "curves": "{}",
    }  # fmt: skip
    lake.append("runs", rows_to_table("runs", [run]))
    ledger = Ledger.open(lake.root)
    for source in SOURCES[:3]:
        assert erase(lake, ledger, Target(sources=(source,))).checkpoints == ("m.pt",)


def test_a_worker_that_holds_the_item_loses_it(lake: Lake) -> None:
    ledger = Ledger.open(lake.root)
    new = source_name(50)
    ledger.ask([Item(new, "films.test")])
    ledger.claim("slow")

    def erase_now(point: str) -> None:
        if point == "videos":
            erase(lake, Ledger.open(lake.root), Target(sources=(new,)))

    with pytest.raises(LakeError, match="rolled back"):
        commit_shard(lake, ledger, "slow", shard([new]), {new: Finished("k1", 2)}, between=erase_now)
    for name, schema in TABLES.items():
        if "source_id" in schema.names:
            assert new not in lake.read(name)["source_id"].to_pylist()
    assert ledger.books().erased == 1


@LOCAL
def test_an_unknown_source_is_named(lake: Lake) -> None:
    with pytest.raises(LakeError, match="never-seen"):
        erase(lake, Ledger.open(lake.root), Target(sources=("never-seen",)))


STEPS = ("bury", "delete_rows", "scrub_files", "drop_sources", "write_receipt", "anonymise")
CUTS = [("local", step) for step in STEPS] + [(home, "scrub_files") for home in ("s3", "postgres")]


@pytest.mark.parametrize(("home", "step"), CUTS, indirect=["home"])
def test_an_erasure_that_was_cut_goes_on(home: Any, lake: Lake, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    import storage.erase.run as module

    names, values = names_of(lake, GONE)
    old = freeze(lake).digest
    ledger = Ledger.open(lake.root)
    lake.disk.write(f"{lake.root}/cache/log.txt", " ".join(name for name in names if len(name) >= 32).encode())

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, step, die)
        with pytest.raises(KeyboardInterrupt):
            erase(lake, ledger, Target(sources=(GONE,)))
    receipt = erase(lake, ledger, Target(sources=(GONE,)))
    ledger.close()
    assert search(home.searchable(), names, values) == []
    assert [pair[0] for pair in receipt.snapshots] == [old]
    assert Ledger.open(lake.root).books().erased == 1


@LOCAL
def test_two_erasures_of_one_list_at_once_leave_neither(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    import storage.snapshot as module

    first, second = SOURCES[:2]
    digest = freeze(lake).digest
    save, seen = module.save, []

    def meanwhile(to: Lake, snapshot: Any) -> None:
        if not seen:  # the other erasure has read the list before this one writes it
            seen.append(1)
            erase(lake, Ledger.open(lake.root), Target(sources=(second,)))
        save(to, snapshot)

    monkeypatch.setattr(module, "save", meanwhile)
    erase(lake, Ledger.open(lake.root), Target(sources=(first,)))
    assert set(load(lake, digest).sources) == set(SOURCES[2:])
    texts = "".join(path.read_text() for path in Path(lake.layout.snapshots).iterdir())
    assert first not in texts
    assert second not in texts


@LOCAL
def test_a_list_that_is_written_during_an_erasure_loses_the_source(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    import storage.snapshot as module

    save, seen = module.save, []

    def late(to: Lake, snapshot: Any) -> None:
        if not seen:
            seen.append(1)
            erase(lake, Ledger.open(lake.root), Target(sources=(GONE,)))
        save(to, snapshot)

    monkeypatch.setattr(module, "save", late)
    assert GONE not in freeze(lake).sources
    assert GONE not in "".join(path.read_text() for path in Path(lake.layout.snapshots).iterdir())


@LEDGERS
def test_what_a_worker_caches_after_the_erasure_goes_too(lake: Lake) -> None:
    ledger = Ledger.open(lake.root)
    new, other = source_name(50), source_name(51)
    ledger.ask([Item(new, "films.test"), Item(other, "films.test")])
    ledger.claim("slow", limit=2)
    erase(lake, ledger, Target(sources=(new,)))
    for source in (new, other, "windows"):
        lake.disk.write(f"{lake.layout.cache}/{source}/stages/pose", b"x")
    assert commit_shard(lake, ledger, "slow", shard([new]), {new: Finished("k1", 2)}) == ()
    assert lake.disk.folders(lake.layout.cache) == sorted([other, "windows"])
    lake.disk.write(f"{lake.layout.source_cache(new)}/stages/pose", b"x")
    assert reconcile(lake, ledger).repaired == ["caches of 1 erased sources removed, which a worker wrote afterwards"]
    assert lake.disk.folders(lake.layout.cache) == sorted([other, "windows"])


@LEDGERS
def test_the_same_content_under_another_address_goes_too(home: Any, lake: Lake) -> None:
    """A rejected copy keeps its row of `videos`, with the content's hash and its own address."""
    copy, content = source_name(80), str(video_row(GONE)["content_sha256"])
    ledger = Ledger.open(lake.root)
    ledger.ask([Item(copy, "films.test", "https://mirror.test/copy.mp4")])
    ledger.claim("w")
    row = video_row(copy, content_sha256=content, url="https://mirror.test/copy.mp4")
    rows = {"videos": rows_to_table("videos", [row])}
    commit_shard(lake, ledger, "w", rows, {copy: Finished("k1", 0, "duplicate")})
    receipt = erase(lake, ledger, Target(sources=(GONE,)))
    assert receipt.rows["videos"] == 2
    assert search(home.searchable(), {copy, GONE, content, "mirror.test/copy"}) == []
    assert ledger.ask([Item(source_name(81), "mirror.test", "https://mirror.test/copy.mp4")]) == 0
    ledger.close()


@LOCAL
def test_a_copy_that_is_committed_during_an_erasure_goes_too(
    home: Any, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, content = source_name(80), str(video_row(GONE)["content_sha256"])
    real = module.bury

    def late(ledger: Ledger, names: dict[str, set[str]], sources: Any) -> list[str]:
        monkeypatch.setattr(module, "bury", real)
        lake.append("videos", rows_to_table("videos", [video_row(copy, content_sha256=content)]))
        return real(ledger, names, sources)

    monkeypatch.setattr(module, "bury", late)
    ledger = Ledger.open(lake.root)
    erase(lake, ledger, Target(sources=(GONE,)))
    assert search(home.searchable(), {copy, GONE, content}) == []
    ledger.close()


@LOCAL
def test_imported_tracks_without_a_content_are_not_one_content(lake: Lake) -> None:
    plain = [source_name(n) for n in (90, 91)]
    lake.append("videos", rows_to_table("videos", [video_row(source, content_sha256="") for source in plain]))
    ledger = Ledger.open(lake.root)
    erase(lake, ledger, Target(sources=(plain[0],)))
    assert plain[1] in lake.read("videos")["source_id"].to_pylist()
    assert not ledger.tombstones.has("content", "")
    ledger.close()
