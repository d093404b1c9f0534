"""Test sets are for committed configurations: against a real git."""

import subprocess
from pathlib import Path

import pytest

from evaluation.study.config import StudyConfigError
from flows.study.begin import refuse_unless_frozen

CLEAN = "0123456789abcdef"


def test_only_what_a_commit_holds_may_score_test(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("name: a\n")
    with pytest.raises(StudyConfigError, match="not as a commit has it: commit it first"):
        refuse_unless_frozen(study, CLEAN)
    for args in (
        ["init", "-q"],
        ["add", "study.yaml"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qma"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *args], check=True)
    refuse_unless_frozen(study, CLEAN)
    refuse_unless_frozen(None, CLEAN)
    study.write_text("name: b\n")
    with pytest.raises(StudyConfigError, match=r"study.yaml is not as a commit"):
        refuse_unless_frozen(study, CLEAN)


@pytest.mark.parametrize(("commit", "said"), [("unknown", "no git checkout"), (f"{CLEAN}+changes", "code differs")])
def test_code_without_a_commit_is_refused(commit: str, said: str) -> None:
    with pytest.raises(StudyConfigError, match=said):
        refuse_unless_frozen(None, commit)
