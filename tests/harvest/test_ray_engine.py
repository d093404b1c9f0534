"""The engine `ray`: real actors on a cluster of this process, some of them killed; labels as the local engine's."""

import asyncio
import importlib.util
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harvest.config import HarvestConfig
from harvest.ray_engine import Batches, RayWorkers
from harvest.registry import check_names
from harvest.run import harvest
from harvest.sources.expand import Source
from openworld.film.batch import make_films
from openworld.worlds import SplitConfig, WorldConfig
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile
from tests.harvest.conftest import write_truth

TABLES = ("tracklets", "features", "rejects", "shots", "videos")
OF_THE_RUN = {"committed_at", "stage_seconds", "evidence"}
"""Columns that hold a time of this run."""


@pytest.fixture
def cluster(absent: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Ray, shut down after the test."""
    if importlib.util.find_spec("ray") is None:
        absent("no Ray: pip install 'hmmr-harvest[ray]'")
    import ray

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    yield ray
    ray.shutdown()


def _labels(lake: Lake) -> list[str]:
    """Every row of every table of labels, as text, in an order of its own."""
    rows = [
        json.dumps({"table": name} | {key: value for key, value in row.items() if key not in OF_THE_RUN},
                   sort_keys=True, default=lambda value: value.hex())
        for name in TABLES
        for row in lake.read(name).to_pylist()
    ]  # fmt: skip
    return sorted(rows)


def _killing(monkeypatch: pytest.MonkeyPatch, kill: Callable[[RayWorkers, int], None]) -> None:
    """After each submit `kill` gets the executor and how many there were."""
    counts = [0]

    class Killing(RayWorkers):
        def submit(self, source: Source) -> None:
            super().submit(source)
            counts[0] += 1
            kill(self, counts[0])

    monkeypatch.setattr("harvest.ray_engine.RayWorkers", Killing)


@pytest.mark.slow
def test_twelve_films_in_two_actors_of_which_one_is_killed(
    cluster: Any, monkeypatch: pytest.MonkeyPatch, film: Callable[..., Path], paint: Callable[..., np.ndarray],
    config: HarvestConfig, tmp_path: Path,
) -> None:  # fmt: skip
    films = []
    for seed in range(12):
        at = [(10 + 20 * seed + 2 * n, 90 + (3 + seed) * np.sin(n / 3)) for n in range(30)]
        films.append(film([paint({0: at[n]}) for n in range(30)], f"film{seed}.mp4"))
        write_truth(films[-1], [at])
    killed = []

    def kill(workers: RayWorkers, count: int) -> None:
        if count == 5:
            killed.append(workers._busy[-1].source)
            cluster.kill(workers._busy[-1].actor)

    _killing(monkeypatch, kill)
    config = replace(config, workers=2)
    here = harvest(films, Lake(tmp_path / "here"), config)
    lake = Lake(tmp_path / "lake")
    report = harvest(films, lake, replace(config, engine="ray"))
    assert killed
    assert (report.books.done + report.books.rejected, report.books.pending, report.books.failed) == (12, 0, 0)
    assert report.as_dict() == here.as_dict()
    assert report.tracklets > 0
    assert _labels(lake) == _labels(Lake(tmp_path / "here"))
    ledger = Ledger.open(lake.root)
    assert not reconcile(lake, ledger, repair=False).problems
    ledger.close()


@pytest.mark.slow
def test_a_killed_network_actor_is_asked_again(
    cluster: Any, monkeypatch: pytest.MonkeyPatch, embedded_weights: None, tmp_path: Path
) -> None:
    """With the default networks: what actors answer together is what one worker's own networks say, bit for bit."""
    make_films(WorldConfig((SplitConfig("labelled", 2, family="narrow", camera="lab"),), processes=1), tmp_path)
    films = sorted((tmp_path / "labelled").glob("*.mp4"))

    def kill(workers: RayWorkers, count: int) -> None:
        if count == 2:
            cluster.kill(workers.networks[0], no_restart=False)

    _killing(monkeypatch, kill)
    here, there = Lake(tmp_path / "here"), Lake(tmp_path / "there")
    assert harvest(films, here, HarvestConfig(workers=1)).tracklets == 2
    assert harvest(films, there, HarvestConfig(workers=2, engine="ray")).tracklets == 2
    assert _labels(here) == _labels(there)


def test_questions_of_many_are_one_call_and_trouble_is_its_askers_alone() -> None:
    calls: list[int] = []

    def answer(questions: list[int]) -> list[int]:
        calls.append(len(questions))
        if 13 in questions:
            raise ValueError("13")
        return [question * 2 for question in questions]

    async def ask() -> list[Any]:
        batches = Batches(answer, 8, ThreadPoolExecutor(1))
        asked = [[1, 2], [3], [13], [4, 5, 6], [7, 8, 9]]
        return await asyncio.gather(*map(batches.ask, asked), batches.ask([]), return_exceptions=True)

    answers = asyncio.run(ask())
    assert answers[:2] == [[2, 4], [6]]
    assert isinstance(answers[2], ValueError)
    assert answers[3:] == [[8, 10, 12], [14, 16, 18], []]
    assert calls == [7, 2, 1, 1, 3, 3]


def test_without_ray_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harvest.registry.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'hmmr-harvest\[ray\]'"):
        check_names(HarvestConfig(engine="ray"))
