"""A label round from teachers to student: resumed, apart from truth, learnt from, erased with what learnt from it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import hmmr
from cli.main import app
from flows import label_round as module
from flows.label_round import label_round, named_round
from hmmr_model.configs import tiny
from hmmr_model.train import training_set
from storage.erase.names import Target
from storage.erase.run import erase
from storage.errors import LakeError
from storage.export.dataset import export_dataset
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.snapshot import load, select
from storage.tables import read_labels3d, read_pseudo3d
from storage.why import why

RUN = CliRunner()


@pytest.fixture
def world(tmp_path: Path, fill_lake: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pool of six tracklets, of which one is a test film's, a labelled lake, and two teachers of the pool."""
    monkeypatch.chdir(tmp_path)
    fill_lake(tmp_path / "pool", 0, ["unlabelled"] * 5 + ["test"])
    fill_lake(tmp_path / "labelled", 20, ["labelled"] * 2)
    for seed in (0, 1):
        assert _train(f"teacher{seed}", "--seed", str(seed)).exit_code == 0
    return tmp_path


def _train(out: str, *words: str) -> "object":
    return RUN.invoke(app, [
        "train", "--lake", "pool", "--labelled", "labelled", "--out", out, "--preset", "tiny", "--phi", "keypoints",
        "--steps", "2", *words,
    ])  # fmt: skip


TEACHERS = ["teacher0/model.pt", "teacher1/model.pt"]


def _rows(lake: str = "pool") -> list[dict[str, object]]:
    return Lake(lake).read("pseudo3d").sort_by("tracklet_id").to_pylist()


def test_the_command_labels_once_and_the_student_learns(world: Path) -> None:
    words = ["label3d", "--lake", "pool", "--teacher", TEACHERS[0], "--teacher", TEACHERS[1], "--json"]
    first = json.loads(RUN.invoke(app, words).stdout)
    assert (first["labelled"], first["already"], first["held_out"]) == (5, 0, 1)
    rows = _rows()
    assert all(len(row["teachers"]) == 2 and row["round_id"] == first["round_id"] for row in rows)
    labels = read_pseudo3d(Lake("pool"), first["round_id"])
    assert all(np.isfinite(one.keypoints_3d).all() and one.keypoints_3d.shape[1:] == (25, 3) for one in labels.values())
    again = json.loads(RUN.invoke(app, words).stdout)
    assert (again["labelled"], again["already"]) == (0, 5)
    assert _rows() == rows
    student = _train("student", "--pseudo3d", first["round_id"][:10])
    assert student.exit_code == 0, student.output
    runs = Lake("pool").read("runs").sort_by("started_at").to_pylist()
    assert json.loads(runs[-1]["config"])["data"]["pseudo3d"] == first["round_id"]
    unknown = _train("student2", "--pseudo3d", "ffffffffffff")
    assert unknown.exit_code != 0
    assert first["round_id"][:12] in unknown.output


def test_a_round_that_was_killed_goes_on_and_ends_the_same(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = label_round("pool", TEACHERS)
    rows = _rows()
    pool = Lake("pool")
    monkeypatch.setattr(module, "AT_ONCE", 2)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    other = [TEACHERS[0]]
    with pytest.raises(KeyboardInterrupt):
        label_round("pool", other, progress=stop)
    report = label_round("pool", other)
    assert (report.already, report.labelled) == (2, 3)
    assert len(read_pseudo3d(pool, report.round_id)) == 5
    assert [row for row in _rows() if row["round_id"] == undisturbed.round_id] == rows
    again = label_round("pool", list(reversed(TEACHERS)))
    assert (again.round_id, again.labelled) == (undisturbed.round_id, 0)


def test_no_reader_of_truth_sees_a_round(world: Path) -> None:
    config = replace(tiny(), data=replace(tiny().data, phi_name="keypoints"))
    pool, labelled = Lake("pool"), Lake("labelled")

    def ceiling() -> str:
        return training_set(config, pool, [labelled, pool], select(pool).tracklet_ids).digest()

    def truth() -> dict[str, bytes]:
        return {name: labels.keypoints_3d.tobytes() for name, labels in read_labels3d(pool).items()}

    def scores() -> list[str]:
        return [repr(score) for score in hmmr.evaluate(TEACHERS[0], "pool", unchecked=True).scores]

    before = (ceiling(), truth(), scores())
    assert before[2]
    report = label_round("pool", TEACHERS)
    assert (ceiling(), truth(), scores()) == before
    with_round = replace(config, data=replace(config.data, pseudo3d=report.round_id))
    data = training_set(with_round, pool, [labelled], select(pool).tracklet_ids)
    batch, half = data.batch(0), config.data.batch // 2
    of_round = set(read_pseudo3d(pool, report.round_id))
    windows = [name in of_round for name in batch.tracklet_ids[:half]]
    assert windows == [False] * (half // 2) + [True] * (half // 2), "true labels keep half of the windows with 3D"
    assert data.digest() != training_set(config, pool, [labelled], select(pool).tracklet_ids).digest()


def test_why_and_an_export_tell_of_a_round(world: Path) -> None:
    report = label_round("pool", TEACHERS)
    pool = Lake("pool")
    labelled = sorted(read_pseudo3d(pool, report.round_id))
    assert [one["round_id"] for one in why(pool, labelled[0])["label_rounds"]] == [report.round_id]
    out = export_dataset(pool, load(pool, report.snapshot), world / "export")
    assert json.loads((out / "info.json").read_text())["rows"]["pseudo3d"] == 5


def test_an_erasure_takes_the_rows_and_names_rounds_and_models_transitively(world: Path) -> None:
    """A teacher saw the source; its round taught a student; the student's round taught another in another way."""
    first = label_round("pool", TEACHERS)
    assert _train("student", "--pseudo3d", first.round_id).exit_code == 0
    second = label_round("pool", ["student/model.pt"])
    assert _train("alone", "--hours", "0").exit_code == 0
    pool = Lake("pool")
    gone = pool.read("pseudo3d").to_pylist()[0]["source_id"]
    with_source = len([row for row in _rows() if row["source_id"] == gone])
    ledger = Ledger.open(pool.root)
    receipt = erase(pool, ledger, Target((gone,)))
    ledger.close()
    assert with_source == 2
    assert not [row for row in _rows() if row["source_id"] == gone]
    assert receipt.rows["pseudo3d"] == 2
    assert set(receipt.rounds) == {first.round_id, second.round_id}
    assert {Path(one).parent.name for one in receipt.checkpoints} >= {"teacher0", "teacher1", "student"}


def test_a_round_is_named_by_its_first_digits(world: Path) -> None:
    with pytest.raises(LakeError, match="none yet: `hmmr label3d` makes one"):
        named_round(Lake("pool"), "newest")
    report = label_round("pool", TEACHERS)
    assert named_round(Lake("pool"), "newest") == named_round(Lake("pool"), report.round_id[:8]) == report.round_id
