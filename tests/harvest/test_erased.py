"""What was erased does not come back: not under another address, not as a file, not in a commit that was under way."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from harvest.commit import Shard
from harvest.config import HarvestConfig
from harvest.fetch.policy import Policy
from harvest.label import LabelledVideo
from harvest.run import harvest
from storage.atomic import file_sha256
from storage.erase.ledger_rows import bury_sights
from storage.erase.names import Target
from storage.erase.run import erase
from storage.erase.search import search
from storage.example_rows import source_name, tracklet_row, video_row
from storage.lake import Lake
from storage.ledger.content import MIN_SAMPLES
from storage.ledger.items import Item
from storage.ledger.ledger import Ledger


def test_a_second_address_of_the_same_bytes_is_refused(
    films: Path, config: HarvestConfig, served: Callable[..., str]
) -> None:
    shutil.copy(films / "one.mp4", films / "again.mp4")
    base, lake = served(films), Lake(films / "lake")
    open_policy = replace(config, policy=Policy(allow_private=True, licence="open"))
    assert harvest([f"{base}/one.mp4"], lake, open_policy).books.done == 1
    ledger = Ledger.open(lake.root)
    erase(lake, ledger, Target(sources=(f"{base}/one.mp4",)))
    report = harvest([f"{base}/again.mp4", films / "one.mp4"], lake, open_policy)
    assert report.books.done == 0
    assert report.reasons == {"erased_content": 2}
    assert lake.read("tracklets").num_rows == lake.read("videos").num_rows == 0
    assert search(Path(lake.root), [file_sha256(films / "two.mp4")]) == []
    assert harvest([films / "two.mp4"], lake, open_policy).books.done == 1, "another video is welcome"
    ledger.close()


def test_labels_that_wait_for_their_commit_when_it_is_erased_stay_out(tmp_path: Path) -> None:
    lake, ledger = Lake(tmp_path / "lake"), Ledger.open(tmp_path / "lake")
    first, copy, other = (source_name(n) for n in range(3))
    content = str(video_row(first)["content_sha256"])
    ledger.ask([Item(copy, "films.test"), Item(other, "films.test")])
    ledger.claim("w", limit=2)
    waiting = Shard(lake, ledger, "w", max_videos=1, max_seconds=60)
    for item, sha in ((copy, content), (other, "another content")):
        video = LabelledVideo("k1")
        video.rows["videos"].append(video_row(item, content_sha256=sha))
        video.rows["tracklets"].append(tracklet_row(item))
        waiting.add(item, video)
    lake.append("videos", video_table(first))
    erase(lake, ledger, Target(sources=(first,)))
    assert waiting.commit() == (other,)
    assert lake.read("tracklets")["source_id"].to_pylist() == [other]
    assert ledger.entry(copy).reason == "erased_content"
    ledger.close()


def video_table(source: str):  # type: ignore[no-untyped-def]
    from storage.tables import rows_to_table

    return rows_to_table("videos", [video_row(source)])


def test_a_video_that_looks_like_an_erased_one_is_refused(films: Path, config: HarvestConfig) -> None:
    seen = Lake(films / "seen")
    assert harvest([films / "one.mp4"], seen, config).books.done == 1
    (fingerprints,) = seen.read("videos")["fingerprints"].to_pylist()
    assert len(set(fingerprints)) >= MIN_SAMPLES
    lake, ledger = Lake(films / "lake"), Ledger.open(films / "lake")
    assert bury_sights(ledger, fingerprints) == len(set(fingerprints))
    report = harvest([films / "one.mp4"], lake, config)
    assert report.reasons == {"erased_content": 1}
    assert lake.read("videos").num_rows == 0
    assert not list(Path(lake.layout.cache).glob("*/*/*")), "what its labelling cached is gone"
    ledger.close()
