"""`hmmr doctor` on the variables of a cluster: what does not answer is named with the way out, and no password."""

import os
import re
from pathlib import Path

import pytest

from cli import doctor


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("HMMR_", "AWS_", "PREFECT_API")):
            monkeypatch.delenv(name)


def test_without_variables_all_is_local(tmp_path: Path) -> None:
    assert all(check().ok for check in (doctor._variables, doctor._ledger, doctor._store, doctor._receipts))
    assert doctor._prefect().ok


def test_a_lake_on_s3_needs_a_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMMR_LAKE", "s3://bucket/lake")
    finding = doctor._ledger()
    assert not finding.ok
    assert "postgresql://" in finding.detail


@pytest.mark.parametrize("url", ["postgresql://hmmr:very-secret@127.0.0.1:9/hmmr", "no url", "nosuch://x"])
def test_a_ledger_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HMMR_LEDGER", url)
    finding = doctor._ledger()
    assert not finding.ok
    assert "docs/cluster.md" in finding.detail
    assert "very-secret" not in finding.detail


def test_a_ledger_that_answers_is_shown_without_its_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HMMR_LEDGER", f"sqlite:///{tmp_path}/ledger.sqlite")
    assert doctor._ledger().ok


def test_an_s3_store_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMMR_LAKE", "s3://bucket/lake")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    finding = doctor._store()
    assert not finding.ok
    assert "AWS_ENDPOINT_URL" in finding.detail
    assert "very-secret" not in finding.detail


def test_a_folder_for_receipts_that_may_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HMMR_RECEIPTS", str(tmp_path / "new" / "receipts"))
    assert doctor._receipts().ok


def test_the_active_onnx_runtime_is_told_and_two_packages_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: "1.32.0" if name == "onnxruntime" else "")
    finding = doctor._onnxruntime()
    assert finding.ok
    assert finding.detail.startswith("onnxruntime 1.32.0: ")
    assert finding.detail.endswith("CPU")
    monkeypatch.setattr(doctor, "_version", lambda name: "1.32.0")
    finding = doctor._onnxruntime()
    assert not finding.ok
    assert "onnxruntime-gpu 1.32.0" in finding.detail
    assert "exclude each other" in finding.detail
    assert not finding.needed


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HMMR_LEGDER", "x", "nothing reads HMMR_LEGDER; did you mean HMMR_LEDGER?"),
        ("HMMR_PATIENCE_S", "long", "HMMR_PATIENCE_S=long is no number of seconds"),
        ("HMMR_PROJECT", "/nowhere/at/all", "there is no folder /nowhere/at/all"),
        ("HMMR_ALERT_URL", "me@example.org", "HMMR_ALERT_URL is no http address"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    finding = doctor._variables()
    assert not finding.ok
    assert words in finding.detail


def test_doctor_knows_the_variables_that_are_read_and_the_page_explains_them() -> None:
    root = Path(__file__).resolve().parents[2]
    rooms = ("body", "cli", "dashboard", "evaluation", "flows", "harvest", "hmmr", "hmmr_model", "openworld", "storage")
    code = "".join(path.read_text() for room in rooms for path in (root / room).rglob("*.py"))
    read = set(re.findall(r"[\"'](HMMR_[A-Z_]+)[\"']", code))
    assert read == set(doctor.VARIABLES)
    page = (root / "docs" / "cluster.md").read_text()
    assert not [name for name in doctor.VARIABLES if f"`{name}`" not in page]


def test_one_key_of_s3_without_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMMR_LAKE", "s3://bucket/lake")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    assert "AWS_ACCESS_KEY_ID is set and its partner is not" in doctor._store().detail


def test_a_prefect_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert not doctor._prefect().ok
