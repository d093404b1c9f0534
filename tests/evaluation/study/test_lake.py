import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.study.lake import Setting, keep_reports, study_tables
from evaluation.study.report import ReportOptions
from evaluation.study.simulate import Design, saturating, simulate
from storage.lake import Lake
from storage.tables import rows_to_table

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FILMS = Setting("s", "phi", "films", "test", "open_v1", "pa_mpjpe_mm")


def score(number: int, **changed: Any) -> dict[str, Any]:
    base = {"score_id": str(number), "run_id": "r", "study": "s", "variant": "semi", "phi_name": "phi", "hours": 0.0,
            "seed": 0, "dataset": "films", "split": "test", "protocol": "open_v1", "sequence": "a",
            "metric": "pa_mpjpe_mm", "value": 100.0, "n_frames": 50, "commit": "c", "scored_at": NOW}  # fmt: skip
    return {**base, **changed}


def study_rows() -> list[dict[str, Any]]:
    study = simulate(saturating, Design(sequences=6), np.random.default_rng(0))
    return [
        score(0, hours=float(study.hours_H[study.size_C[cell]]), seed=int(seed), sequence=name,
              value=float(study.error_CS[cell, place]))
        for cell, seed in enumerate(study.seed_C)
        for place, name in enumerate(study.sequences)
    ]  # fmt: skip


def filled(folder: Path, rows: list[dict[str, Any]]) -> Lake:
    lake = Lake(folder)
    lake.append("scores", rows_to_table("scores", [row | {"score_id": str(i)} for i, row in enumerate(rows)]))
    return lake


def test_settings_and_variants_are_kept_apart(tmp_path: Path) -> None:
    rows = [
        score(0), score(0, hours=1.0, value=90.0), score(0, sequence="*macro", value=1.0),
        score(0, variant="ceiling", hours=1.0, value=50.0), score(0, variant="ridge", value=2.0),
        score(0, dataset="mocap", value=7.0), score(0, metric="excluded_frames", value=3.0),
        score(0, hours=1.0, value=80.0, scored_at=NOW + timedelta(hours=1)),
    ]  # fmt: skip
    found = study_tables(filled(tmp_path / "lake", rows))
    assert set(found) == {FILMS, Setting("s", "phi", "mocap", "test", "open_v1", "pa_mpjpe_mm")}
    assert found[FILMS]["semi"].cell_means.tolist() == [100.0, 80.0]
    assert found[FILMS]["ceiling"].cell_means.tolist() == [50.0]


def test_a_kept_report_is_the_report(tmp_path: Path) -> None:
    lake = filled(tmp_path / "lake", study_rows())
    kept = keep_reports(lake, "s", command="hmmr study run", commit="c", options=ReportOptions(draws=500))
    assert kept[FILMS]["verdict"] == "holds"
    row = lake.read("runs").to_pylist()[0]
    assert row["kind"] == "study"
    content = json.loads(row["config"])
    assert content["of"]["dataset"] == "films"
    assert content["report"]["trend_p"] == kept[FILMS]["trend_p"]


def test_a_study_of_one_size_gets_no_report(tmp_path: Path) -> None:
    lake = filled(tmp_path / "lake", [score(0)])
    assert keep_reports(lake, "s", command="", commit="") == {}
    assert lake.version("runs") == -1
