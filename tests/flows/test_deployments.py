"""prefect.yaml cannot rot: every entrypoint is a flow, and its parameters are ones that the flow takes."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

from flows.fleet.project_folder import PROJECT_VARIABLE, enter

ROOT = Path(__file__).resolve().parents[2]
CONTENT = yaml.safe_load((ROOT / "prefect.yaml").read_text())
DEPLOYMENTS = CONTENT["deployments"]


def _flow(entrypoint: str) -> Flow[Any, Any]:
    module, name = entrypoint.rsplit(".", 1)
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, Flow)
    return found


def test_deployments_name_modules_and_no_place_of_this_machine() -> None:
    assert CONTENT["pull"] == [{"flows.fleet.project_folder.enter": {}}]
    assert all(":" not in row["entrypoint"] and "pull" not in row for row in DEPLOYMENTS)


@pytest.mark.parametrize(
    "entrypoint",
    ["flows/harvest_flow.py:harvest_flow", "flows/train_flow.py:train_flow", "flows/study_flow.py:study_flow"],
)
def test_deployments_of_before_still_find_their_flows(entrypoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert isinstance(load_flow_from_entrypoint(entrypoint), Flow)


def test_a_run_works_in_the_project_of_its_own_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", str(tmp_path))
    monkeypatch.delenv(PROJECT_VARIABLE, raising=False)
    assert enter() == {"directory": str(tmp_path)}
    monkeypatch.setenv(PROJECT_VARIABLE, str(tmp_path / "project"))
    with pytest.raises(FileNotFoundError, match=PROJECT_VARIABLE):
        enter()
    (tmp_path / "project").mkdir()
    assert enter() == {"directory": str(tmp_path / "project")}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: each["name"])
def test_entrypoint_and_parameters(deployment: dict[str, Any]) -> None:
    flow = _flow(deployment["entrypoint"])
    assert flow.name == deployment["name"], "the short name means FLOW/DEPLOYMENT of one name"
    flow.validate_parameters(deployment["parameters"])
    for trigger in deployment.get("triggers", []):
        assert set(trigger["parameters"]) <= set(flow.parameters.properties)
