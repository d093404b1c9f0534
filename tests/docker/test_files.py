"""What cannot be run here is at least well-formed: Compose and Kubernetes files by their schemas, images by rules."""

import json
import re
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import kubernetes_validate
import pytest
import yaml

from flows.fleet.machine import ALERT_VARIABLE
from flows.fleet.project_folder import PROJECT_VARIABLE
from storage.layout import LAKE_VARIABLE, LEDGER_VARIABLE, RECEIPTS_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
IMAGES = sorted((ROOT / "docker").glob("*.Dockerfile"))


def test_compose_is_what_its_schema_says() -> None:
    schemas = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "compose-spec.json").read_text())
    jsonschema.validate(COMPOSE, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"a": {"image": "b", "comand": "c"}}}, schema)


def test_compose_opens_nothing_but_loopback_and_builds_what_is_there() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    for service in COMPOSE["services"].values():
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("number", [0, 1])
def test_kubernetes_objects_are_what_their_schema_says(number: int) -> None:
    thing: dict[str, Any] = list(yaml.safe_load_all((ROOT / "docker" / "kubernetes.yaml").read_text()))[number]
    kubernetes_validate.validate(thing, "1.32", strict=True)
    thing["spec"]["template"]["spec"]["containers"][0]["imag"] = "x"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(thing, "1.32", strict=True)


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.name)
def test_images_run_as_no_root_know_their_commit_and_speak_to_postgresql(image: Path) -> None:
    text = image.read_text()
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert "ARG HMMR_COMMIT" in text
    assert "HMMR_COMMIT=${HMMR_COMMIT}" in text
    assert ".[postgres]" in text
    assert "HMMR_PROJECT=/data" in text


def test_an_image_gets_no_repository_lake_or_environment() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".git", ".venv", "lake", "out", ".hmmr"} <= set(ignored)
    needed = {"README.md", "LICENSE", "NOTICE", "pyproject.toml", "scripts", "flows", "harvest", "storage"}
    assert not needed & set(ignored)


def test_cluster_page_explains_every_variable() -> None:
    page = (ROOT / "docs" / "cluster.md").read_text()
    for variable in (LAKE_VARIABLE, LEDGER_VARIABLE, RECEIPTS_VARIABLE, PROJECT_VARIABLE, ALERT_VARIABLE):
        assert f"`{variable}`" in page
    used = set(re.findall(r"\b(?:HMMR|AWS|PREFECT)_[A-Z_]+", (ROOT / "docker" / "compose.yaml").read_text()))
    assert not [name for name in used if name not in page]
