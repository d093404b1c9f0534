"""Sources in, committed tracklets and balanced books out: real worker processes, real lake, films with known truth."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harvest.config import HarvestConfig
from harvest.fetch.policy import Policy
from harvest.filters.presets import HMMR_2019
from harvest.run import harvest
from harvest.session import Ended
from harvest.workers import ItemWorker, Outcome, Workers
from storage.atomic import file_sha256
from storage.lake import Lake
from storage.layout import STAGES
from storage.ledger.ledger import Ledger
from storage.snapshot import select
from storage.tables import iter_tracklets, read_phi


def test_from_sources_to_the_lake_and_back_to_nothing_to_do(films: Path, config: HarvestConfig) -> None:
    (films / "text.mp4").write_text("no video at all")
    lake = Lake(films / "lake")
    (films / "list.txt").write_text("one.mp4\none.mp4\ntwo.mp4\nabsent.mp4\ntext.mp4\n")
    told: list[object] = []
    report = harvest([films / "list.txt", films / "one.mp4"], lake, config, told.append)
    books = report.as_dict()
    assert {key: books[key] for key in ("asked", "done", "rejected", "failed", "pending", "erased")} == {
        "asked": 4, "done": 2, "rejected": 0, "failed": 2, "pending": 0, "erased": 0
    }  # fmt: skip
    assert books["reasons"] == {"decode_failed": 1, "unreadable": 1}
    assert {trouble.name.rsplit("/", 1)[-1] for trouble in report.troubles} == {"absent.mp4", "text.mp4"}
    assert sum(isinstance(event, Ended) for event in told) == 4
    tracklets = list(iter_tracklets(lake))
    assert report.tracklets == len(tracklets) == 3
    assert report.frames == sum(len(tracklet.pts) for tracklet in tracklets)
    assert report.hours == pytest.approx(report.frames / 25 / 3600)
    phi = read_phi(lake, "keypoints")
    assert {key: value.shape for key, value in phi.items()} == {
        each.tracklet_id: (len(each.pts), 75) for each in tracklets
    }
    assert json.loads(json.dumps(books)) == books
    again = harvest([films / "list.txt"], lake, config)
    assert (again.tracklets, again.frames, again.books) == (report.tracklets, report.frames, report.books)
    assert lake.read("tracklets").num_rows == 3
    assert {path.parent.name for path in Path(lake.layout.cache).rglob("*") if path.is_file()} <= {STAGES}


def test_by_url_the_same_tracklets_and_nothing_left_on_disk(
    films: Path, config: HarvestConfig, served: Callable[..., str]
) -> None:
    base = served(films)
    urls = [f"{base}/one.mp4", f"{base}/one.mp4#again", f"{base}/absent.mp4"]
    lake = Lake(films / "lake")
    closed = harvest(urls, lake, replace(config, policy=Policy(allow_private=True)))
    assert (closed.books.rejected, closed.reasons["licence_unknown"]) == (1, 1)
    assert lake.read("tracklets").num_rows == 0
    report = harvest(urls, lake, replace(config, policy=Policy(allow_private=True, licence="open")))
    assert (report.books.asked, report.books.done, report.reasons) == (2, 1, {"gone": 1})
    (video,) = lake.read("videos").to_pylist()
    assert (video["host"], video["content_sha256"]) == ("127.0.0.1", file_sha256(films / "one.mp4"))
    assert video["licence"].startswith("vouched ")
    assert json.loads(video["evidence"])["vouched_by"] == "--licence open"
    assert {path.parent.name for path in Path(lake.layout.cache).rglob("*") if path.is_file()} <= {STAGES}


def test_copy_under_another_address_is_kept_once(
    films: Path, config: HarvestConfig, served: Callable[..., str]
) -> None:
    policy = Policy(allow_private=True, licence="open")
    base = served(films)
    report = harvest([films / "one.mp4", f"{base}/one.mp4"], Lake(films / "lake"), replace(config, policy=policy))
    assert (report.books.done, report.books.rejected, report.reasons) == (1, 1, {"duplicate": 1})
    assert (report.tracklets, report.rejected_tracks) == (1, {"duplicate": 1})


def test_another_preset_adds_a_version_and_going_back_adds_nothing(films: Path, config: HarvestConfig) -> None:
    lake = Lake(films / "lake")
    papers = replace(config, label=replace(config.label, preset=HMMR_2019))
    counts, taken = [], []
    for each in (config, papers, config):
        report = harvest([films / "one.mp4"], lake, each)
        assert (report.books.done, report.tracklets) == (1, 1)
        counts.append(lake.read("tracklets").num_rows)
        taken.append(select(lake).tracklet_ids)
    assert counts == [1, 2, 2]
    assert taken[0] == taken[2] != taken[1], "what was labelled last is what is selected"
    assert lake.read("videos").num_rows == 2
    assert set(lake.read("tracklets", ["preset"]).column(0).to_pylist()) == {"default", "hmmr_2019"}


def test_limit_is_shared_out_by_weight_and_the_rest_stays_pending(tmp_path: Path) -> None:
    for folder in ("rare", "often"):
        (tmp_path / folder).mkdir()
        for i in range(4):
            (tmp_path / folder / f"{folder}{i}.mp4").write_text(f"no video {folder} {i}")
    listed = tmp_path / "list.yaml"
    listed.write_text("sources: [{file: rare, weight: 1}, {file: often, weight: 3}, absent.mp4]")
    lake = Lake(tmp_path / "lake")
    config = HarvestConfig(backend="truth", truth_films=tmp_path, phis=("keypoints",), workers=1, limit=4)
    report = harvest([listed], lake, config)
    assert (report.books.failed, report.books.pending) == (5, 4)
    tried = [trouble.name for trouble in report.troubles if trouble.name != "absent.mp4"]
    assert sorted(tried) == ["often0.mp4", "often1.mp4", "often2.mp4", "rare0.mp4"]
    again = harvest([listed], lake, config)
    assert (again.books.failed, again.books.pending) == (9, 0)


def test_worker_that_is_killed_costs_its_own_item_only(films: Path, config: HarvestConfig) -> None:
    from harvest.sources.expand import expand

    workers = Workers(config, films / "cache", f"sqlite:///{films}/ledger.db", ItemWorker)
    try:
        source = expand([films / "one.mp4"])[0]
        workers.submit(source)
        workers._busy[0]._process.kill()
        lost = _outcome(workers)
        assert lost.error is not None
        assert lost.error.reason == "worker_died"
        workers.submit(source)
        done = _outcome(workers)
        assert done.labelled is not None
        assert done.labelled.n_tracklets == 1
    finally:
        workers.close()


def _outcome(workers: Workers, limit_s: float = 300.0) -> Outcome:
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends:
        for event in workers.events(0.5):
            if isinstance(event, Outcome):
                return event
    raise AssertionError("no outcome in time")


def test_interrupted_run_gives_back_and_goes_on(films: Path, config: HarvestConfig) -> None:
    lake = Lake(films / "lake")

    def interrupt(event: object) -> None:
        if isinstance(event, Ended):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        harvest([films / "one.mp4", films / "two.mp4"], lake, config, interrupt)
    books = Ledger.open(lake.root).books()
    assert (books.done, books.pending) == (1, 1)
    assert harvest([films / "one.mp4", films / "two.mp4"], lake, config).books.done == 2


def test_twenty_thousand_refused_addresses_cost_no_worker(
    films: Path, config: HarvestConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each used to go through a worker of its own: over an hour."""
    monkeypatch.setattr(Workers, "submit", lambda *_: pytest.fail("a refused address came to a worker"))
    private = [f"http://10.0.{n // 250}.{n % 250}/v{n}.mp4" for n in range(19_000)]
    others = [f"http://{host}/{n}.mp4" for n in range(500) for host in ("localhost", "[64:ff9b::a00:1]")]
    lake, began = Lake(films / "lake"), time.monotonic()
    report = harvest([*private, *others], lake, config)
    assert time.monotonic() - began < 120
    assert (report.books.asked, report.books.rejected) == (20_000, 20_000)
    assert report.reasons == {"address_refused": 20_000}
    assert all("--allow-private" in trouble.message for trouble in report.troubles)
