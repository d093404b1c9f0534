"""A real Prefect server and real workers: deploy, schedule, harvest over workers, train by name, and the trigger."""

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.fleet.alerts import KINDS
from harvest.config import HarvestConfig
from harvest.run import harvest
from openworld.film.batch import make_films
from openworld.film.truth import attach_truth
from openworld.worlds import SplitConfig, WorldConfig
from storage.example_rows import source_name, tracklet_row
from storage.lake import Lake
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile
from storage.tables import rows_to_table
from tests.dashboard.conftest import study_scores
from tests.e2e.conftest import LIMIT_S, ROOT, Site

pytestmark = [pytest.mark.slow, pytest.mark.server]
_ALIVE = ("SCHEDULED", "PENDING", "RUNNING")


def test_the_cron_schedule_makes_runs(site: Site) -> None:
    """Guards against the silent scheduler failure of docs/dependencies.md, prefect."""
    run = site.wait("harvest", lambda run: run["auto_scheduled"] and run["state_type"] == "SCHEDULED")
    assert run["expected_start_time"].startswith("20")


def test_no_deployment_holds_a_path_of_the_machine_that_made_it(site: Site) -> None:
    deployments = site.post("/deployments/filter", {})
    assert {row["name"] for row in deployments} >= {"harvest", "harvest-worker", "train-hmmr", "data-scale-study"}
    assert str(ROOT) not in json.dumps(deployments)
    assert all(row["path"] is None for row in deployments)


@pytest.fixture(scope="module")
def films(site: Site) -> list[Path]:
    """Three synthetic films of two seconds, named in the project's list, and the first one's labelled lake."""
    folder = site.folder / "films"
    make_films(WorldConfig((SplitConfig("labelled", 3, family="narrow", camera="lab"),), processes=1), folder)
    made = sorted((folder / "labelled").glob("*.mp4"))
    (site.folder / "sources.yaml").write_text(json.dumps({"sources": [{"file": str(film)} for film in made]}))
    labelled = Lake(site.folder / "labelled")
    assert harvest([str(made[0])], labelled, HarvestConfig(workers=1)).tracklets == 1
    assert attach_truth(labelled, folder / "labelled") == 1
    return made


def test_a_killed_worker_run_comes_back_and_every_film_is_labelled_once(site: Site, films: list[Path]) -> None:
    """`harvest` plans, three worker runs pull from the ledger; one is killed at once, and another takes its place."""
    config = json.dumps({"workers": 1})
    site.prefect("deployment", "run", "harvest", "--param", "workers=3", "--param", f"config={config}")
    killed = site.wait("harvest-worker", lambda run: run["state_type"] == "RUNNING")
    os.kill(site.process_of(killed), signal.SIGKILL)
    parent = site.wait("harvest", lambda run: run["state_type"] in ("COMPLETED", "FAILED", "CRASHED"))
    workers = site.flow_runs("harvest-worker")
    assert parent["state_type"] == "COMPLETED", site.log_lines(parent)
    assert sorted(run["state_type"] for run in workers) == ["COMPLETED"] * 3 + ["CRASHED"]
    lake = Lake(site.folder / "lake")
    assert lake.read("tracklets", ["tracklet_id"]).num_rows == 3
    ledger = Ledger.open(lake.root)
    assert ledger.books().done == 3
    assert not reconcile(lake, ledger, repair=False).problems
    ledger.close()
    lines = [line for run in workers for line in site.log_lines(run) if line.startswith("item ")]
    assert len(lines) >= 2
    assert not site.flow_runs("train-hmmr"), "three short films are not growth enough to train"
    keys = {row["key"] for row in site.post("/artifacts/filter", {})}
    assert "harvest-funnel" in keys


def test_each_alert_reaches_its_address_once(site: Site) -> None:
    """A harvest of which all failed, then the upkeep of a lake in which everything is wrong that it looks at."""
    (site.folder / "absent.yaml").write_text(json.dumps({"sources": [{"file": "absent.mp4"}]}))
    in_lake = ("--param", "lake=sick")
    site.prefect("deployment", "run", "harvest", "--param", "sources=absent.yaml", *in_lake, "--watch", fails=True)
    lake = Lake(site.folder / "sick")
    ledger = Ledger.open(lake.root)
    rows = [tracklet_row(source_name(0), person) for person in (0, 1)]
    ledger.ask([Item(row["source_id"], "example.org") for row in rows[:1]] + [Item("waits", "example.org")])
    ledger.claim("w", 1, only=[rows[0]["source_id"]])
    ledger.open_commit("c", "w", {rows[0]["source_id"]: Finished(rows[0]["label_key"], 1)})
    ledger.close_commit("c")
    lake.append("tracklets", rows_to_table("tracklets", rows))  # one more than the books say
    ledger.hosts.ban("example.org", ledger.clock() + 3600)
    ledger.close()
    everything = ("--param", "quiet_hours=0", "--param", "free_gb=1000000000")
    site.prefect("deployment", "run", "maintenance", *in_lake, *everything, "--watch")
    (run,) = (run for run in site.flow_runs("maintenance") if run["parameters"]["lake"] == "sick")  # not the hourly one
    assert "books: 0 repaired, 1 problems" in site.log_lines(run)
    assert "maintenance" in {row["key"] for row in site.post("/artifacts/filter", {})}
    end = time.monotonic() + 60
    while len(site.alerts) < len(KINDS) and time.monotonic() < end:
        time.sleep(0.2)
    assert sorted(alert["kind"] for alert in site.alerts) == sorted(KINDS)
    assert not [alert for alert in site.alerts if "example.org" in alert["message"]]


def test_a_study_shows_its_scores_its_curve_and_its_page(site: Site) -> None:
    """What the flow does after its cells, by itself: a grid takes minutes (tests/flows/study)."""
    lake = Lake(site.folder / "scored")
    lake.append("scores", rows_to_table("scores", study_scores("tiny")))
    show = "from pathlib import Path; from flows.study_flow import show_study; "
    show += f"show_study({lake.root!r}, 'tiny', Path('page.html'))"
    subprocess.run([sys.executable, "-c", show], cwd=site.folder, env=site.env, check=True)
    artifacts = {row["key"]: row for row in site.post("/artifacts/filter", {})}
    assert {"study-scores", "study-curve", "study-page"} <= artifacts.keys()
    kind, _, picture = artifacts["study-curve"]["data"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert b"polyline" in b64decode(picture)


def test_an_unreadable_list_fails_the_flow_and_trains_nothing(site: Site, films: list[Path]) -> None:
    (site.folder / "broken.yaml").write_text("sources: [")
    known = {run["id"] for run in site.flow_runs("harvest")}
    site.prefect("deployment", "run", "harvest", "--param", "sources=broken.yaml", "--param", "grow_hours=0")
    run = site.wait(
        "harvest", lambda run: run["id"] not in known and run["state_type"] in ("COMPLETED", "FAILED", "CRASHED")
    )
    assert run["state_type"] == "FAILED"
    assert "could not be read" in run["state"]["message"]
    assert not site.flow_runs("train-hmmr")


def test_a_killed_training_over_two_processes_goes_on_at_once_and_growth_starts_one_more(
    site: Site, films: list[Path]
) -> None:
    """Training runs by the command as people type it, and leaves no process behind that would train beside the next."""
    assert harvest([str(film) for film in films], Lake(site.folder / "lake"), HarvestConfig(workers=1)).tracklets == 3
    tiny = ("--param", "preset=tiny", "--param", "steps=400", "--param", "processes=2")
    site.prefect("deployment", "run", "train-hmmr", *tiny)
    running = site.wait("train-hmmr", lambda run: run["state_type"] == "RUNNING")
    end = time.monotonic() + LIMIT_S
    while not list((site.folder / "runs").glob("tiny-seed0-*/state.pt")):
        assert time.monotonic() < end, site.log_lines(running)
        time.sleep(0.2)
    os.kill(site.process_of(running), signal.SIGKILL)
    killed = site.wait("train-hmmr", lambda run: run["state_type"] in ("CRASHED", "COMPLETED"))
    assert killed["state_type"] == "CRASHED"
    began = time.monotonic()
    site.prefect("deployment", "run", "train-hmmr", *tiny)
    again = site.wait("train-hmmr", lambda run: run["id"] != killed["id"] and run["state_type"] == "RUNNING")
    assert time.monotonic() - began < 90, "before, the dead run held the only place for 17 minutes"
    assert not site.processes_with(killed)
    first = site.wait("train-hmmr", lambda run: run["id"] == again["id"] and run["state_type"] not in _ALIVE)
    assert first["state_type"] == "COMPLETED", site.log_lines(first)
    steps = [int(line.split()[1]) for line in site.log_lines(first) if line.startswith("step ")]
    assert min(steps) > 200, "it goes on from the state that was saved"
    assert list((site.folder / "runs").glob("tiny-seed0-*/model.pt"))
    assert Lake(site.folder / "lake").read("runs", ["kind"]).num_rows == 1

    again_harvest = ("deployment", "run", "harvest", "--param", "grow_hours=0", "--param", "workers=0", "--watch")
    site.prefect(*again_harvest)
    known = {first["id"], killed["id"]}
    triggered = site.wait("train-hmmr", lambda run: run["id"] not in known and run["state_type"] == "RUNNING")
    assert triggered["created_by"]["type"] == "AUTOMATION"
    assert triggered["parameters"]["grown_to_version"] >= 0
    for name in site.folder.glob("home/prefect.db*"):
        assert all(str(film).encode() not in name.read_bytes() for film in films), "Prefect's database holds no source"


def test_cells_of_a_study_are_task_runs_and_a_killed_study_goes_on(site: Site, fill_lake: Callable[..., Path]) -> None:
    """Killed while it trains, it leaves no training behind; its restart trains what lacks scores, and no cell twice."""
    for name, first, splits in (("pool", 0, ["unlabelled"] * 3), ("taught", 100, ["labelled"] * 2),
                                ("tests", 200, ["dev", "dev", "test"])):  # fmt: skip
        fill_lake(site.folder / name, first, splits)
    (site.folder / "cells.yaml").write_text(
        "name: cells\nshares: [0.0, 1.0]\nseeds: [0]\nphi: [keypoints]\nbudgets: [steps]\n"
        "train: {preset: tiny, model.groups: 4, model.width: 24, steps: 60}\n"
    )
    places = ("study=cells.yaml", "lake=pool", "labelled=taught", "held_out=tests")
    command = ("deployment", "run", "data-scale-study", *(word for place in places for word in ("--param", place)))
    site.prefect(*command)
    models = site.folder / "studies"
    end = time.monotonic() + LIMIT_S
    while not list(models.glob("**/.lock")):
        assert time.monotonic() < end, [site.log_lines(run) for run in site.flow_runs("data-scale-study")]
        time.sleep(0.1)
    running = site.flow_runs("data-scale-study")[0]
    os.kill(site.process_of(running), signal.SIGKILL)
    killed = site.wait("data-scale-study", lambda run: run["state_type"] in ("CRASHED", "COMPLETED"))
    assert killed["state_type"] == "CRASHED"
    site.prefect(*command, "--watch")
    assert not site.processes_with(killed)
    (done,) = (run for run in site.flow_runs("data-scale-study") if run["id"] != killed["id"])
    assert done["state_type"] == "COMPLETED", site.log_lines(done)
    tasks = site.post("/task_runs/filter", {"task_runs": {"flow_run_id": {"any_": [done["id"]]}}})
    cells = [run for run in tasks if run["name"].startswith("cells/")]
    assert cells
    assert {run["state_type"] for run in cells} == {"COMPLETED"}
    lake = Lake(site.folder / "pool")
    runs = lake.read("runs", ["run_id"])["run_id"].to_pylist()
    assert len(runs) == len(set(runs)) >= 2
    keys = ["study", "run_id", "variant", "dataset", "split", "sequence", "metric"]
    scores = lake.read("scores", keys).to_pylist()
    assert len({tuple(row.values()) for row in scores}) == len(scores) > 0
    assert {row["key"] for row in site.post("/artifacts/filter", {})} >= {"study-scores", "study-page"}
