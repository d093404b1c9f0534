import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import rows_to_table

RUN = CliRunner()
FRAMES = 24


def _lake(root: Path, sources: list[int], labelled: bool) -> Path:
    lake = Lake(root)
    rows = [tracklet_row(source_name(i), frames=FRAMES) for i in sources]
    points = np.random.default_rng(0).normal(0, 0.3, (FRAMES, 75)).astype(np.float32)
    labels = [
        {
            "tracklet_id": row["tracklet_id"], "source_id": row["source_id"], "truth_id": "film/0", "split": "labelled",
            "body": "open24", "valid": np.ones(FRAMES, bool), "keypoints_3d": points, "keypoints_2d": np.abs(points),
            "rotations": np.tile(np.eye(3, dtype=np.float32).ravel(), (FRAMES, 24)), "betas": np.zeros(10, np.float32),
        }
        for row in rows
    ]  # fmt: skip
    lake.append("features", rows_to_table("features", [feature_row(row, dim=75) for row in rows]))
    if labelled:
        lake.append("labels3d", rows_to_table("labels3d", labels))
    lake.append("tracklets", rows_to_table("tracklets", rows))
    return root


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    labelled, lake = _lake(tmp_path / "labelled", [0, 1], True), _lake(tmp_path / "lake", [2, 3], False)
    return [
        "train", "--lake", str(lake), "--labelled", str(labelled), "--out", str(tmp_path / "out"), "--preset", "tiny",
        "--phi", "keypoints", "--steps", "2",
    ]  # fmt: skip


def test_trains_writes_the_model_and_the_row_of_the_run(command: list[str], tmp_path: Path) -> None:
    result = RUN.invoke(app, [*command, "--seed", "3"])
    assert result.exit_code == 0, result.output
    assert "2 steps" in result.output
    assert (tmp_path / "out" / "model.pt").is_file()
    (row,) = Lake(tmp_path / "lake").read("runs").to_pylist()
    assert row["kind"] == "train"
    assert json.loads(row["config"])["seed"] == 3
    assert "keypoints_2d" in json.loads(row["curves"])
    assert len(row["snapshot"]) == 64


def test_no_hours_is_labelled_data_alone(command: list[str]) -> None:
    result = RUN.invoke(app, [*command, "--hours", "0"])
    assert result.exit_code == 0, result.output
    assert "0.000 h added" in result.output


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--preset", "huge"], "is none of paper, open, tiny"),
        (["--precision", "fp8"], "none of fp32, bf16"),
        (["--phi", "absent"], "no usable tracklet with 3D labels: wanted phi absent"),
        (["--warm-start", "nowhere.pt"], "nowhere.pt: no such file"),
        (["--prior-poses", "nowhere.npz"], "nowhere.npz"),
        (["--snapshot", "0123456789"], "0 snapshots 0123456789"),
        (
            ["--labelled", "/nowhere"],
            "no lake at /nowhere; `make quickstart` makes out/quickstart/labelled; your own: hmmr data prepare",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_line(command: list[str], wrong: list[str], said: str) -> None:
    result = RUN.invoke(app, [*command, *wrong])
    assert result.exit_code != 0
    assert said in " ".join(result.output.split()).replace("│ ", "").replace(" │", "")
    assert "Traceback" not in result.output
