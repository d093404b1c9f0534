"""prefect.yaml cannot rot: every entrypoint is a flow, and its parameters are ones that the flow takes."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow

DEPLOYMENTS = yaml.safe_load((Path(__file__).resolve().parents[2] / "prefect.yaml").read_text())["deployments"]


def _flow(entrypoint: str) -> Flow[Any, Any]:
    path, name = entrypoint.split(":")
    found = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
    assert isinstance(found, Flow)
    return found


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: each["name"])
def test_entrypoint_and_parameters(deployment: dict[str, Any]) -> None:
    flow = _flow(deployment["entrypoint"])
    assert flow.name == deployment["name"], "the short name means FLOW/DEPLOYMENT of one name"
    flow.validate_parameters(deployment["parameters"])
    for trigger in deployment.get("triggers", []):
        assert set(trigger["parameters"]) <= set(flow.parameters.properties)
