"""Blocks of README.md, docs/operations.md and docs/cluster.md, run in a shell as they are printed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.fleet.machine import read_fleet, stop
from harvest.config import HarvestConfig
from harvest.run import harvest
from openworld.film.batch import make_films
from openworld.film.truth import attach_truth
from openworld.worlds import SplitConfig, WorldConfig
from storage.lake import Lake

pytestmark = [pytest.mark.slow, pytest.mark.server]

ROOT = Path(__file__).resolve().parents[2]
MARK = "<!-- run by tests/e2e/test_pages_as_printed.py -->"
LIMIT_S = 420


def _blocks(page: str) -> list[str]:
    """The indented block below each mark."""
    blocks = []
    for part in (ROOT / page).read_text().split(MARK)[1:]:
        lines = part.strip("\n").splitlines()
        until = next((i for i, line in enumerate(lines) if line and not line.startswith("    ")), len(lines))
        blocks.append("\n".join(line[4:] for line in lines[:until]))
    return blocks


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the pages presume: a folder with a source list, and the quickstart's labelled set."""
    tmp_path = tmp_path_factory.mktemp("printed")
    films = tmp_path / "films"
    make_films(WorldConfig((SplitConfig("labelled", 1, family="narrow", camera="lab"),), processes=1), films)
    (film,) = (films / "labelled").glob("*.mp4")
    (tmp_path / "sources.yaml").write_text(json.dumps({"sources": [{"file": "films/labelled/" + film.name}]}))
    labelled = Lake(tmp_path / "out" / "quickstart" / "labelled")
    assert harvest([str(film)], labelled, HarvestConfig(workers=1)).tracklets == 1
    assert attach_truth(labelled, films / "labelled") == 1
    yield tmp_path
    stop(tmp_path, lambda _: None)


def _run_in_shell(script: str, project: Path) -> str:
    """As a new user's shell has it: the environment's programs on the path, no setting of Prefect's."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "HMMR"))}
    env = plain | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=project,
        env=env,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_operations_says_what_it_came_to(project: Path) -> None:
    block, _ = _blocks("docs/operations.md")
    said = _run_in_shell(block, project)
    assert "1 asked, 1 done" in said
    assert "cpu: 1 online" in said


def test_readme_to_a_trained_model_and_down(project: Path) -> None:
    """What the page before has started is left alone by `hmmr up`, and stopped by `hmmr down`."""
    (block,) = _blocks("README.md")
    _run_in_shell(block, project)
    lake = Lake(project / "lake")
    assert lake.read("tracklets", ["tracklet_id"]).num_rows == 1
    assert lake.read("runs", ["kind"]).column("kind").to_pylist() == ["train"]
    assert list((project / "runs").glob("tiny-*/model.pt"))
    fleet = read_fleet(project)
    assert fleet is not None
    assert not any(process.alive for process in fleet.processes), "hmmr down leaves nothing"


def test_operations_parameters_are_taken(project: Path) -> None:
    _, parameters = _blocks("docs/operations.md")
    said = _run_in_shell(f"hmmr up\nsource .hmmr/env\n{parameters}\nhmmr down", project)
    assert said.count("Created flow run") == 2


SBATCH = """sbatch() { bash -c "${@: -1}" & one=$!; bash -c "${@: -1}" & two=$!; wait $one; wait $two; }
"""
"""Stands for Slurm, which is not here: what is wrapped is run by two tasks at once."""


def test_slurms_tasks_share_the_list(project: Path) -> None:
    (block,) = _blocks("docs/cluster.md")
    variables = {
        "HMMR_LAKE": "shared",
        "HMMR_LEDGER": f"sqlite:///{project}/shared.sqlite",
        "HMMR_RECEIPTS": "receipts",
    }
    (project / "hmmr.env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    said = _run_in_shell(SBATCH + block, project)
    assert said.count("1 asked: 1 done") == 2
    assert Lake(project / "shared").read("tracklets", ["tracklet_id"]).num_rows == 1
    said = _run_in_shell("set -a; source hmmr.env; hmmr doctor || true", project)
    assert "ok       variables (HMMR_*): set: HMMR_LAKE, HMMR_LEDGER, HMMR_RECEIPTS" in said
