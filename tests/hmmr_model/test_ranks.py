"""Two processes on gloo: the same training as one, one end for both, and files of one machine that they share."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hmmr_model.checkpoint import load_checkpoint
from hmmr_model.configs import TrainConfig
from hmmr_model.train import train
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import rows_to_table
from tests.e2e.conftest import free_port

FRAMES = 24
ADDED = range(4, 13)
TOLERANCE = 1e-4
"""Relative difference of all weights after the training; sums in another order differ from the seventh digit on."""

WORKER = """
import json, pickle, sys
from pathlib import Path
import storage.windows
from hmmr_model.train import TrainingDivergedError, train
from storage.lake import Lake
folder, rank = Path(sys.argv[1]), sys.argv[2]
config, lake, labelled, ids = pickle.loads((folder / "given").read_bytes())
said, write = {"decoded": 0}, storage.windows._write_arrays

def counted(*given):
    said["decoded"] += 1
    return write(*given)

storage.windows._write_arrays = counted
try:
    train(config, Lake(lake), [Lake(labelled)], folder / "two", tracklet_ids=ids)
except TrainingDivergedError as error:
    said |= {"step": error.step, "tracklets": error.tracklet_ids, "message": str(error)}
(folder / f"said{rank}").write_text(json.dumps(said))
"""


@pytest.fixture
def config(small_config: TrainConfig) -> TrainConfig:
    """Without what is drawn by chance in each process: dropout, augmentation, poses for the prior."""
    model = replace(small_config.model, dropout=0.0, input_dropout=0.0, frame_dropout=0.0)
    still: dict[str, float] = dict.fromkeys(("flip", "box_scale", "box_shift", "joint_dropout"), 0.0)
    data = replace(small_config.data, phi_name="keypoints", **still)  # type: ignore[arg-type]
    return replace(small_config, steps=6, model=model, data=data, loss=replace(small_config.loss, adversarial=0.0))


def _lake(root: Path, sources: Sequence[int], labelled: bool = False, bad: dict[str, Any] | None = None) -> Lake:
    """`bad` changes the middle source's row of `tracklets`, or its φ."""
    lake, rows = Lake(root), [tracklet_row(source_name(i), frames=FRAMES) for i in sources]
    features = [feature_row(row, dim=75) for row in rows]
    for name, value in (bad or {}).items():
        (features if name == "phi" else rows)[len(rows) // 2][name] = value
    lake.append("features", rows_to_table("features", features))
    if labelled:
        lake.append("labels3d", rows_to_table("labels3d", [_labels(row) for row in rows]))
    lake.append("tracklets", rows_to_table("tracklets", rows))
    return lake


def _labels(row: dict[str, Any]) -> dict[str, Any]:
    points = np.random.default_rng(5).normal(0, 0.3, (FRAMES, 75)).astype(np.float32)
    return {
        "tracklet_id": row["tracklet_id"], "source_id": row["source_id"], "truth_id": f"film/{row['source_id']}",
        "split": "labelled", "body": "open24", "valid": np.ones(FRAMES, bool), "keypoints_3d": points,
        "keypoints_2d": np.abs(points) * 300, "betas": np.zeros(10, np.float32),
        "rotations": np.tile(np.eye(3, dtype=np.float32).ravel(), (FRAMES, 24)),
        "translation": np.zeros((FRAMES, 3), np.float32),
    }  # fmt: skip


def _ids(lake: Lake) -> list[str]:
    return sorted(lake.read("tracklets", ["tracklet_id"])["tracklet_id"].to_pylist())


def _in_two(folder: Path, config: TrainConfig, lake: Lake, labelled: Lake) -> list[dict[str, Any]]:
    """What each process said; both must end by themselves."""
    (folder / "given").write_bytes(pickle.dumps((config, lake.root, labelled.root, _ids(lake))))
    root = str(Path(__file__).resolve().parents[2])
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "PYTHONPATH": root}
    started = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(folder), str(rank)],
                         env=os.environ | group | {"RANK": str(rank), "OMP_NUM_THREADS": "1"})
        for rank in (0, 1)
    ]  # fmt: skip
    try:
        assert [process.wait(200) for process in started] == [0, 0]
    finally:
        for process in started:
            process.kill()
    return [json.loads((folder / f"said{rank}").read_text()) for rank in (0, 1)]


@pytest.mark.slow
def test_two_processes_train_as_one_with_the_doubled_batch_and_decode_once(tmp_path: Path, config: TrainConfig) -> None:
    lake, labelled = _lake(tmp_path / "lake", ADDED), _lake(tmp_path / "labelled", range(4), labelled=True)
    said = _in_two(tmp_path, config, lake, labelled)
    assert sum(process["decoded"] for process in said) == 1
    doubled = replace(config, data=replace(config.data, batch=2 * config.data.batch))
    one = load_checkpoint(train(doubled, lake, [labelled], tmp_path / "one", tracklet_ids=_ids(lake)).checkpoint)
    two = load_checkpoint(tmp_path / "two" / "model.pt")
    assert one.step == two.step == config.steps
    flat_one, flat_two = (
        torch.cat([values.flatten().double() for _, values in sorted(checkpoint.weights.items())])
        for checkpoint in (one, two)
    )
    assert float((flat_one - flat_two).norm() / flat_one.norm()) < TOLERANCE


_NAN = np.full((FRAMES, 75), np.nan, "<f2").tobytes()
_FAR = np.tile(np.array([1e12, 1e12, 1.0], np.float32), (FRAMES, 25))


@pytest.mark.slow
@pytest.mark.parametrize("bad", [{"phi": _NAN}, {"keypoints": _FAR}], ids=["not a number", "a loss past all bounds"])
def test_one_processs_nonsense_ends_both_with_the_same_error(
    tmp_path: Path, config: TrainConfig, bad: dict[str, Any]
) -> None:
    """Before, a loss of one process alone that was finite but too large left the other in the prior's message."""
    model = replace(config.model, standardise=False)
    config = replace(config, steps=12, model=model, loss=replace(config.loss, adversarial=1.0))
    lake, labelled = _lake(tmp_path / "lake", ADDED, bad=bad), _lake(tmp_path / "labelled", range(4), labelled=True)
    first, second = _in_two(tmp_path, config, lake, labelled)
    culprit = tracklet_row(source_name(ADDED[len(ADDED) // 2]), frames=FRAMES)["tracklet_id"]
    assert first["message"] == second["message"]
    assert culprit in first["tracklets"]
    assert len(first["tracklets"]) == config.data.batch, "the other process's windows are not blamed"
    saved = torch.load(tmp_path / "two" / "state.pt", weights_only=True)["state"]
    assert saved["step"] == first["step"]
    assert all(bool(value.isfinite().all()) for value in saved["network"].values())
