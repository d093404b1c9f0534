import csv
import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from cli.main import app
from evaluation.study.simulate import Design, saturating, simulate
from storage.example_rows import source_name, tracklet_row
from storage.lake import Lake
from storage.tables import rows_to_table


def rows(path: Path) -> Path:
    study = simulate(saturating, Design(sequences=8), np.random.default_rng(0))
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["hours", "seed", "sequence", "error"])
        for cell, seed in enumerate(study.seed_C):
            for place, name in enumerate(study.sequences):
                writer.writerow([study.hours_H[study.size_C[cell]], seed, name, study.error_CS[cell, place]])
    return path


def test_fit_prints_one_json_object(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["study", "fit", str(rows(tmp_path / "rows.csv")), "--json", "--target", "85"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["verdict"] == "holds"
    assert found["marginal"]["reach"][0]["target"] == 85


def test_fit_names_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("hours,seed,error\n0,0,1\n")
    result = CliRunner().invoke(app, ["study", "fit", str(bad)])
    assert result.exit_code == 2
    assert "no column sequence" in result.output
    assert CliRunner().invoke(app, ["study", "fit", str(tmp_path / "absent.csv")]).exit_code == 2


def test_run_refuses_with_one_line(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("name: mine\nperfect_2d: []\n")
    lake = str(tmp_path)
    for options, said in (
        ([str(study), "--preset", "open-quick"], "give one of the two"),
        ([], "give one of the two"),
        (["--preset", "none"], "no study none; there are open-quick"),
        ([str(tmp_path / "absent.yaml")], "absent.yaml: no such file"),
        ([str(study), "--lake", lake], "needs all of --lake, --labelled and --held-out"),
        ([str(study), "--score-test"], "--score-test: "),
        ([str(study), "--lake", lake, "--labelled", lake, "--held-out", f"films={lake}"], "nothing can be scored"),
    ):
        result = CliRunner().invoke(app, ["study", "run", *options])
        assert result.exit_code == 2, result.output
        assert said in result.output


def test_unknown_labels_are_named_with_those_that_there_are(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.append("tracklets", rows_to_table("tracklets", [tracklet_row(source_name(0))]))
    held_out = Lake(tmp_path / "held_out")
    held_out.append("tracklets", rows_to_table("tracklets", [row := tracklet_row(source_name(1))]))
    label = {"tracklet_id": row["tracklet_id"], "source_id": row["source_id"], "truth_id": "f", "split": "dev",
             "body": "", "valid": [True], "keypoints_3d": [[0.0] * 75], "keypoints_2d": [[0.0] * 75],
             "rotations": None, "betas": None, "translation": None}  # fmt: skip
    held_out.append("labels3d", rows_to_table("labels3d", [label]))
    words = ["--lake", lake.root, "--labelled", lake.root, "--held-out", held_out.root, "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["study", "run", "--preset", "open-quick", *words, "--labels", "k9"])
    assert result.exit_code == 2, result.output
    assert "labels: " in result.output
    assert "has no labels 'k9'; there are: k1" in " ".join(result.output.split())
