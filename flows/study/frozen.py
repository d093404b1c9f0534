"""A test set is scored only for what a commit has frozen: the code that runs, and the study's file."""

import subprocess
from pathlib import Path

from evaluation.study.config import StudyConfigError
from flows.provenance import code_commit

WAY_OUT = "commit it first; until then score dev, without --score-test"


def refuse_unless_frozen(study: Path | None, commit: str | None = None) -> None:
    """StudyConfigError where the code (`commit`, by default that of this checkout) or the study's file is not what a
    commit holds. A preset has no file: it is code."""
    found = code_commit() if commit is None else commit
    if found == "unknown":
        raise StudyConfigError("--score-test: this code is in no git checkout, so no commit could be named")
    if found.endswith("+changes"):
        raise StudyConfigError(f"--score-test: the code differs from commit {found[:12]}: {WAY_OUT}")
    if study is not None and not _committed(study):
        raise StudyConfigError(f"--score-test: {study} is not as a commit has it: {WAY_OUT}")


def _committed(file: Path) -> bool:
    """Whether git knows the file and its content is the last commit's."""
    try:
        place = file.resolve()
        told = ["git", "-C", str(place.parent)]
        shown = subprocess.run([*told, "show", f"HEAD:./{place.name}"], capture_output=True, check=True).stdout
        return shown == place.read_bytes()
    except (OSError, subprocess.CalledProcessError):
        return False
