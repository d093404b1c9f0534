"""Licences of what is installed with the project: permissive, or named with the decision in docs/dependencies.md.

Of every distribution that the run-time dependencies ask for, as its own metadata says.
"""

import importlib.metadata
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PERMISSIVE = re.compile(
    r"^(MIT( License)?|MIT-0|MIT-CMU|ISC|ISC License \(ISCL\)|0BSD|BSD|BSD License|3-Clause BSD License|"
    r"BSD-[23]-Clause|"
    r"Apache Software License|Apache( License)?[ -]2\.0|Apache 2\.0|PSF-2\.0|Python Software Foundation License|Zlib|"
    r"CC0-1\.0|BSL-1\.0|Unlicense|The Unlicense \(Unlicense\)|CNRI-Python|HPND|OSI Approved|LLVM-exception|"
    r"Mozilla Public License 2\.0 \(MPL 2\.0\)|MPL-2\.0)$"
)
"""MPL-2.0 asks only that changes to its own files stay open, and nothing of it is changed here."""


def _installed(requirement: Requirement, found: dict[str, importlib.metadata.Distribution]) -> None:
    """Add the distribution and all that it asks for; what this platform does not install is passed over."""
    name = requirement.name.lower().replace("_", "-")
    if name in found:
        return
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return
    found[name] = distribution
    for line in distribution.requires or []:
        further = Requirement(line)
        if any(not further.marker or further.marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras)):
            _installed(further, found)


def _licence(distribution: importlib.metadata.Distribution) -> list[str]:
    """Each licence that is named; of alternatives ("OR") each."""
    metadata = distribution.metadata
    classifiers = [line for line in metadata.get_all("Classifier", []) if line.startswith("License ::")]
    text = metadata.get("License-Expression") or "; ".join(line.split("::")[-1].strip() for line in classifiers)
    text = text or (metadata.get("License") or "unknown").splitlines()[0]
    return [part.strip(" ()") if "(" not in part.strip()[1:] else part.strip()
            for part in re.split(r"; | AND | OR | WITH ", text)]  # fmt: skip


def test_every_dependency_is_permissive_or_named_with_a_decision() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: dict[str, importlib.metadata.Distribution] = {}
    for line in project["dependencies"]:
        _installed(Requirement(line), found)
    assert len(found) > 100
    page = (ROOT / "docs" / "dependencies.md").read_text()
    decided = set(re.findall(r"(?m)^- \*\*([\w-]+)\*\*", page[page.index("## Not permissive") :]))
    odd = {name: parts for name, dist in found.items() if not all(map(PERMISSIVE.match, parts := _licence(dist)))}
    assert not odd.keys() - decided, odd


def test_what_is_no_permissive_licence_is_told_apart() -> None:
    for licence in (
        "GPL-3.0-only",
        "GNU General Public License v2 or later (GPLv2+)",
        "LGPL-3.0-only",
        "unknown",
        "AGPL-3.0",
    ):
        assert not PERMISSIVE.match(licence)
