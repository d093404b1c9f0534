"""docs/mistakes.md is true: each mistake of its table is made in a folder of such files, and gives that message.

A … of the table stands for a list that grows.
"""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from cli.main import app
from hmmr_model.checkpoint import Checkpoint, save_checkpoint
from hmmr_model.configs import DataConfig, ModelConfig, TrainConfig
from hmmr_model.network import HMMR
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import rows_to_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "mistakes.md"
ROW = re.compile(
    r"^\| \d+ \| (?P<mistake>[^|]+) \| `(?P<command>hmmr [^|]+)` \| (?P<code>\d) \| `(?P<message>[^|]+)` \|"
)
ROWS = [found.groupdict() for line in PAGE.read_text().splitlines() if (found := ROW.match(line))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, clip: Callable[..., Path]) -> Path:
    root = tmp_path_factory.mktemp("mistakes")
    make_folder(root, clip("clip.mp4", rate="25"))
    return root


def test_the_page_has_its_rows() -> None:
    assert len(ROWS) >= 50
    assert len({row["command"] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row["command"] for row in ROWS])
def test_a_mistake_gives_the_message_of_the_page(
    row: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, shlex.split(row["command"])[1:])
    assert isinstance(result.exception, SystemExit | None), result.exception
    first = next(line for line in result.output.splitlines() if not line.startswith("videos: "))  # on a slow machine
    parts = [re.escape(part) for part in row["message"].replace("ˋ", "`").split("…")]
    assert re.fullmatch(".*".join(parts), first.replace(str(folder), "DIR")), first
    assert result.exit_code == int(row["code"])
    if result.exit_code == 2:
        assert not (folder / "fresh").exists()
        assert not (folder / "page.html").exists()
    shutil.rmtree(folder / "fresh", ignore_errors=True)


def make_folder(root: Path, clip: Path) -> None:
    """Fill `root`. `clip` is any video."""
    shutil.copy(clip, root / "clip.mp4")
    picture = np.full((120, 160, 3), 90, np.uint8)
    cv2.imwrite(str(root / "grey.png"), picture)
    (root / "picture.mp4").write_bytes((root / "grey.png").read_bytes())
    (root / "empty.mp4").touch()
    (root / "notes.txt").write_text("")
    (root / "thesis.pdf").write_bytes(b"%PDF-1.7 nothing")
    np.savez(root / "motion.npz", poses=np.zeros((2, 72)))
    (root / "videos").mkdir()
    _checkpoints(root)
    _lakes(root)
    _lists(root)


def _checkpoints(root: Path) -> None:
    torch.manual_seed(0)
    model = ModelConfig(width=16, groups=2, regressor_width=16)
    config = TrainConfig(preset="test", model=model, data=DataConfig(phi_name="keypoints"))
    save_checkpoint(root / "model.pt", Checkpoint(config, 75, "open24", 1, None, HMMR(model, 75).state_dict()))
    (root / "half.pt").write_bytes((root / "model.pt").read_bytes()[:2000])
    torch.save({"weights": torch.zeros(2)}, root / "foreign.pt")
    (root / "run").mkdir()
    shutil.copy(root / "model.pt", root / "run" / "model.pt")


def _lakes(root: Path) -> None:
    Lake(root / "new_lake")
    lake = Lake(root / "lake")
    rows = [tracklet_row(source_name(n), frames=24) for n in range(2)]
    lake.append("features", rows_to_table("features", [feature_row(row, dim=75) for row in rows]))
    lake.append("tracklets", rows_to_table("tracklets", rows))


def _lists(root: Path) -> None:
    (root / "nothing.yaml").write_text("sources: []\n")
    (root / "typo.yaml").write_text("sources:\n  - url: https://films.test/a.mp4\n    license: open\n")
    (root / "broken.yaml").write_text("sources: [https://films.test/a.mp4\n")
    (root / "flat.yaml").write_text("https://films.test/a.mp4\n")
    (root / "study.yaml").write_text("name: mine\nshares: [0, 1]\nsteps: many\n")
    (root / "unknown.yaml").write_text("name: mine\nsharez: [0, 1]\n")
    (root / "rows.csv").write_text("hours,seed,error\n0,0,100\n")
    (root / "words.csv").write_text("hours,seed,sequence,error\nzero,0,a,100\n")
    (root / "mixed.json").write_text(json.dumps({"sources": "https://films.test/a.mp4"}))
