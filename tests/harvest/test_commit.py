"""Finished labels wait for their commit, and are not lost by one that fails."""

from pathlib import Path
from typing import Any

import pytest

from harvest.commit import Shard
from harvest.label import LabelledVideo
from storage.commit import commit_shard
from storage.example_rows import source_name, tracklet_row, video_row
from storage.lake import Lake
from storage.ledger.items import Item
from storage.ledger.ledger import Ledger


def labelled(source: str) -> LabelledVideo:
    video = LabelledVideo("k1")
    for name, row in (("tracklets", tracklet_row(source)), ("videos", video_row(source))):
        row.pop("committed_at")
        video.rows[name].append(row)
    return video


def test_a_commit_that_fails_loses_no_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import harvest.commit as module

    lake, ledger, source = Lake(tmp_path / "lake"), Ledger.open(tmp_path / "lake"), source_name(0)
    ledger.ask([Item(source, "films.test")])
    ledger.claim("w")
    waiting = Shard(lake, ledger, "w", max_videos=1, max_seconds=60)
    waiting.add(source, labelled(source))
    tables: list[str] = []

    def cut_short(*args: Any) -> Any:
        def away(point: str) -> None:
            tables.append(point)
            if point == "videos":
                raise OSError("the store is away")

        return commit_shard(*args, between=away)

    monkeypatch.setattr(module, "commit_shard", cut_short)
    with pytest.raises(OSError, match="the store is away"):
        waiting.commit()
    assert "videos" in tables
    assert waiting.item_ids == [source]
    assert waiting.due
    monkeypatch.undo()
    assert waiting.commit() == (source,)
    assert (waiting.item_ids, waiting.commit()) == ([], ())
    assert ledger.books().done == 1
    assert lake.read("tracklets").num_rows == lake.read("videos").num_rows == 1
    ledger.close()


def test_labels_that_the_lake_has_are_not_written_twice(tmp_path: Path) -> None:
    lake, ledger, source = Lake(tmp_path / "lake"), Ledger.open(tmp_path / "lake"), source_name(0)
    waiting = Shard(lake, ledger, "w", max_videos=1, max_seconds=60)
    for recipe in ("r1", "r2"):
        ledger.ask([Item(source, "films.test")], recipe=recipe)
        ledger.claim("w")
        waiting.add(source, labelled(source))
        assert waiting.commit() == (source,)
    assert lake.read("tracklets").num_rows == 1
    ledger.close()
