"""The package `hmmr`: lazy, the same functions as the commands, and a Dataset of arrays."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import hmmr
from evaluation.score import aggregate
from hmmr_model.checkpoint import BadCheckpointError
from storage.errors import LakeError
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.snapshot import freeze
from storage.tables import rows_to_table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    rows = [tracklet_row(source_name(n), frames=24) for n in range(3)]
    lake.append("features", rows_to_table("features", [feature_row(row, dim=75) for row in rows[:2]]))
    lake.append("tracklets", rows_to_table("tracklets", rows))
    return lake


def stored_frames(lake: Lake, tracklet_id: str) -> list[int]:
    rows = {row["tracklet_id"]: row for row in lake.read("tracklets", ["tracklet_id", "frame_index"]).to_pylist()}
    return list(rows[tracklet_id]["frame_index"])


def test_tracklets_are_arrays_with_shapes(lake: Lake) -> None:
    dataset = hmmr.Tracklets(lake.root)
    assert len(dataset) == 3
    first = dataset[0]
    assert first["keypoints_TJ3"].shape == (24, 25, 3)
    assert first["boxes_T4"].shape == (24, 4)
    assert first["frame_index_T"].tolist() == stored_frames(lake, first["tracklet_id"])
    assert first["observed_T"].dtype == torch.bool
    assert first["phi_TD"].shape == (24, 0)
    stored = lake.read("tracklets").to_pylist()
    by_id = {row["tracklet_id"]: np.array(row["keypoints"]).reshape(24, 25, 3) for row in stored}
    np.testing.assert_array_equal(first["keypoints_TJ3"].numpy(), by_id[first["tracklet_id"]].astype(np.float32))


def test_a_feature_takes_those_that_have_it_and_a_loader_batches_them(lake: Lake) -> None:
    dataset = hmmr.Tracklets(lake, snapshot=freeze(lake).digest, phi="keypoints")
    (batch,) = DataLoader(dataset, batch_size=2)
    assert batch["phi_TD"].shape == (2, 24, 75)


def test_a_lake_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="none"):
        hmmr.Tracklets(tmp_path / "none")


def test_a_failed_source_is_in_the_report(tmp_path: Path) -> None:
    settings = {"backend": "truth", "truth_films": tmp_path, "phis": ("keypoints",)}
    report = hmmr.harvest([tmp_path / "no.mp4"], tmp_path / "lake", **settings)
    assert (report.books.asked, report.books.failed) == (1, 1)


def test_importing_it_takes_neither_torch_nor_prefect() -> None:
    code = "import sys, hmmr; assert not {'torch', 'prefect', 'storage'} & sys.modules.keys(); assert hmmr.__version__"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("is_package", [False, True])
def test_a_folder_of_the_users_called_storage(tmp_path: Path, is_package: bool) -> None:
    (tmp_path / "storage").mkdir()
    if is_package:
        (tmp_path / "storage" / "__init__.py").touch()
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; sys.path.append({str(ROOT)!r}); from hmmr import Lake"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode == 0) != is_package, done.stderr
    if is_package:
        assert f"{tmp_path / 'storage'} hides hmmr's own package storage" in done.stderr


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(AttributeError, match="Tracklets"):
        _ = hmmr.nothing


def test_the_example_reads_a_lake(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["read_a_lake.py", lake.root])
    runpy.run_path(str(ROOT / "examples" / "read_a_lake.py"), run_name="__main__")
    assert "3 tracklets; the first has keypoints (24, 25, 3)" in capsys.readouterr().out


def labelled_lake(root: Path, split: str, sources: range) -> Path:
    """Tracklets with true 3D of a body in the rest pose, half a metre wide, three metres away."""
    lake, rows = Lake(root), [tracklet_row(source_name(n), frames=24) for n in sources]
    points = np.random.default_rng(0).normal(0, 0.3, (24, 75)).astype(np.float32)
    labels = [
        {
            "tracklet_id": row["tracklet_id"], "source_id": row["source_id"], "truth_id": f"film{n}/0", "split": split,
            "body": "open24", "valid": np.ones(24, bool), "keypoints_3d": points, "keypoints_2d": np.abs(points),
            "rotations": np.tile(np.eye(3, dtype=np.float32).ravel(), (24, 24)), "betas": np.zeros(10, np.float32),
        }
        for n, row in enumerate(rows)
    ]  # fmt: skip
    lake.append("features", rows_to_table("features", [feature_row(row, dim=75) for row in rows]))
    lake.append("labels3d", rows_to_table("labels3d", labels))
    lake.append("tracklets", rows_to_table("tracklets", rows))
    return root


def test_train_then_evaluate_then_load(lake: Lake, tmp_path: Path) -> None:
    labelled = labelled_lake(tmp_path / "labelled", "labelled", range(5, 7))
    done = hmmr.train(lake.root, [labelled], tmp_path / "run", preset="tiny", phi="keypoints", steps=2)
    assert (done["steps"], done["checkpoint"]) == (2, str(tmp_path / "run" / "model.pt"))
    held_out = labelled_lake(tmp_path / "held_out", "test", range(8, 10))
    outcome = hmmr.evaluate(done["checkpoint"], held_out, unchecked=True)
    means = aggregate(outcome.scores)
    assert {score.sequence for score in outcome.scores} == {"film0", "film1"}
    assert 1 < means["pa_mpjpe_mm"].macro < 2000
    hmmr.Predictor(done["checkpoint"])
    with pytest.raises(BadCheckpointError, match="is not a checkpoint"):
        hmmr.Predictor(ROOT / "README.md")
