"""A flow's parameter `config`: plain values in, the same configuration out, no address in Prefect's database."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from flows.fleet.harvest_settings import SettingsError, as_parameter, read_settings
from harvest.config import HarvestConfig
from harvest.fetch.policy import Policy
from harvest.run import harvest_planned
from storage.lake import Lake


def test_there_and_back() -> None:
    config = replace(HarvestConfig(), workers=3, policy=Policy(licence="open"), phis=("keypoints",))
    assert read_settings(json.loads(json.dumps(as_parameter(config)))) == config
    assert read_settings(None) == HarvestConfig()
    assert read_settings({"policy": {"licence": "open"}}).policy == Policy(licence="open")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"polcy": {}}, "config.polcy"),
        ({"policy": {"license": "open"}}, "config.policy.license"),
        ({"workers": "many"}, "config.workers"),
        ({"policy": {"opt_out": {"wishes": [["url", "https://example.org/a"]]}}}, "opt_out"),
    ],
)
def test_what_cannot_be_is_named(given: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read_settings(given)


def test_the_opt_out_list_comes_from_its_file_on_each_machine(tmp_path: Path) -> None:
    (tmp_path / "never.txt").write_text("host example.org\n")
    config = read_settings({}, str(tmp_path / "never.txt"))
    assert config.policy.opt_out.match(host="example.org")
    assert "example.org" not in json.dumps(as_parameter(config))


def test_the_backend_is_one_parameter(tmp_path: Path) -> None:
    """`prefect deployment run harvest/harvest --param config='{"backend": "mmlab:FILE.yaml"}'` reaches the registry."""
    models = tmp_path / "mm.yaml"
    settings = read_settings(json.loads(json.dumps({"backend": f"mmlab:{models}"})))
    assert settings == replace(HarvestConfig(), backend=f"mmlab:{models}")
    with pytest.raises(ValueError, match=r"mm\.yaml: cannot be read"):
        harvest_planned([], Lake(tmp_path / "lake"), settings)  # what the flow calls
