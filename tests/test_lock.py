"""The locks name a version with hashes for all that pyproject.toml asks for, and no host; setup installs them."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {"requirements.lock": (), "requirements-dev.lock": ("dev",)}
"""Each with the extras that it has beside what runs."""
OWN_STEP = {"torch"}
"""Installed by its exact pin, from the index that fits the machine."""


def _locked(name: str) -> dict[str, str]:
    """Version by project."""
    entries = re.findall(r"(?m)^([\w.-]+)==([^ \\]+)", (ROOT / name).read_text())
    return {project.lower().replace("_", "-"): version for project, version in entries}


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_is_fresh(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [
        *project["dependencies"],
        *(line for extra in LOCKS[name] for line in project["optional-dependencies"][extra]),
    ]
    locked = _locked(name)
    stale = [
        str(wanted) for wanted in map(Requirement, lines)
        if wanted.name not in OWN_STEP
        and not wanted.specifier.contains(locked.get(wanted.name.lower().replace("_", "-"), "0"))
    ]  # fmt: skip
    assert not stale, f"run scripts/lock: {stale}"
    assert len(locked) > 100
    assert "setuptools" in locked, "setup builds our own package with it, and fetches no other"


@pytest.mark.parametrize("name", LOCKS)
def test_every_version_has_hashes_and_no_host_is_named(name: str) -> None:
    text = (ROOT / name).read_text()
    blocks = re.split(r"(?m)^(?=[\w.-]+==)", text)[1:]
    assert len(blocks) == len(_locked(name))
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert not OWN_STEP & _locked(name).keys()


def test_the_two_locks_agree() -> None:
    assert _locked("requirements.lock").items() <= _locked("requirements-dev.lock").items()


def test_setup_installs_the_lock_and_nothing_else() -> None:
    steps = [line for line in (ROOT / "scripts" / "setup").read_text().splitlines() if line.startswith("pip ")]
    assert steps == [
        'pip --require-hashes --no-deps --requirement "$lock"', 'pip "$torch"',
        "pip --no-deps --no-build-isolation --editable .",
    ]  # fmt: skip
