"""requirements.lock names a version with hashes for everything that pyproject.toml asks for, and no host."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
OWN_STEP = {"torch"}
"""Installed by its exact pin, from the index that fits the machine."""


def _locked() -> dict[str, str]:
    return {name.lower().replace("_", "-"): version for name, version in re.findall(r"(?m)^([\w.-]+)==([^ \\]+)", LOCK)}


def test_the_lock_is_fresh() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(line) for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]]
    locked = _locked()
    stale = [
        str(one) for one in wanted
        if one.name not in OWN_STEP and not one.specifier.contains(locked.get(one.name.lower().replace("_", "-"), "0"))
    ]  # fmt: skip
    assert not stale, f"run scripts/lock: {stale}"
    assert len(locked) > 150


def test_every_version_has_hashes_and_no_host_is_named() -> None:
    blocks = re.split(r"(?m)^(?=[\w.-]+==)", LOCK)[1:]
    assert len(blocks) == len(_locked())
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in LOCK
    assert not OWN_STEP & _locked().keys()
