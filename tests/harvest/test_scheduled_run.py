"""The same feed again and again, as a schedule does: only what is new is fetched, and a re-upload is kept once."""

import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from body.ffmpeg import ffmpeg_program
from harvest.config import HarvestConfig
from harvest.fetch.policy import Policy
from harvest.run import harvest
from harvest.sources.expand import failed_sources
from storage.atomic import file_sha256
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile


def _re_encode(film: Path, copy: Path) -> None:
    """The same pictures in other bytes and another size, with truth beside it for the backend of these tests."""
    command = [ffmpeg_program(), "-v", "error", "-i", str(film), "-crf", "24", "-vf", "scale=iw*0.9:-2", str(copy)]
    subprocess.run(command, check=True)
    truth = pq.read_table(film.with_suffix(".truth.parquet"))
    for name, value in (("video_sha256", file_sha256(copy)), ("film_id", copy.stem)):
        column = pa.array([value] * truth.num_rows)
        truth = truth.set_column(truth.schema.get_field_index(name), truth.schema.field(name), column)
    pq.write_table(truth, copy.with_suffix(".truth.parquet"))


def _feed(folder: Path, base: str, names: list[str]) -> None:
    items = "".join(f"<item><title>{name}</title><link>{base}/{name}</link></item>" for name in names)
    (folder / "feed.xml").write_text(f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>')


def test_second_run_takes_only_what_is_new(films: Path, config: HarvestConfig, served: Callable[..., str]) -> None:
    base = served(films)
    (films / "list.yaml").write_text(f"sources: [{{url: '{base}/feed.xml', count: 10}}]")
    lake = Lake(films / "lake")
    config = replace(config, policy=Policy(allow_private=True, licence="open"))
    _feed(films, base, ["one.mp4"])
    first = harvest([films / "list.yaml"], lake, config)
    assert (first.books.asked, first.books.done) == (1, 1)
    _re_encode(films / "one.mp4", films / "again.mp4")
    (films / "one.mp4").unlink()  # were it fetched again, it would fail
    _feed(films, base, ["two.mp4", "again.mp4", "one.mp4"])
    second = harvest([films / "list.yaml"], lake, config)
    assert (second.books.asked, second.books.done, second.reasons) == (3, 2, {"duplicate": 1})
    kept = lake.read("tracklets", ["source_id"]).column(0).unique()
    assert len(kept) == 2
    # a lake that must stay apart from this one takes neither the re-upload nor the other
    apart = Lake(films / "apart")
    third = harvest([films / "again.mp4", films / "two.mp4"], apart, replace(config, apart_from=(lake.root,)))
    assert (third.books.rejected, third.reasons) == (2, {"duplicate": 2})
    assert apart.read("tracklets").num_rows == 0


def _states(lake: Lake) -> Counter[tuple[str, str | None]]:
    ledger = Ledger.open(lake.root)
    try:
        return Counter((entry.state, entry.reason) for entry in ledger.entries())
    finally:
        ledger.close()


def test_list_that_failed_once_is_not_failed_for_ever(
    films: Path, config: HarvestConfig, served: Callable[..., str]
) -> None:
    base, feed, listed = served(films), films / "feed.xml", films / "list.yaml"
    lake = Lake(films / "lake")
    scheduled = replace(config, policy=Policy(allow_private=True, licence="open"), retry_failed=False)
    listed.write_text("sources: [")  # cut off
    feeds = films / "feeds.yaml"
    feeds.write_text(f"sources: [{{url: '{base}/feed.xml', count: 10}}]")
    assert harvest([feeds, listed], lake, scheduled).books.failed == 2
    assert _states(lake) == {("failed", "gone"): 1, ("failed", "unreadable"): 1}

    _feed(films, base, ["one.mp4"])
    listed.write_text(f"sources: [{films}/one.mp4]")
    assert harvest([feeds], lake, scheduled).books.done == 1
    assert _states(lake) == {("done", None): 2, ("failed", "unreadable"): 1}
    again = failed_sources(lake.root, "unreadable")
    assert [source.address for source in again] == [str(films / "one.mp4")]
    assert harvest(again, lake, scheduled).reasons == {"duplicate": 1}
    assert _states(lake) == {("done", None): 3, ("rejected", "duplicate"): 1}

    feed.unlink()
    report = harvest([feeds], lake, scheduled)
    assert (report.books.failed, report.troubles[0].message[:21]) == (1, "the host answers 404 ")
    assert _states(lake) == {("done", None): 2, ("rejected", "duplicate"): 1, ("failed", "gone"): 1}
    ledger = Ledger.open(lake.root)
    assert reconcile(lake, ledger).problems == []
    ledger.close()
