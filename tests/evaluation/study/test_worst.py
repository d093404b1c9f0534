import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from evaluation.study.worst import Worst, centred, keep_worst, worst_sequences, worst_window
from storage.lake import Lake
from storage.tables import rows_to_table

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WHERE = {"dataset": "films", "split": "dev", "metric": "pa_mpjpe_mm"}


def score(number: int, sequence: str, value: float, run_id: str = "r") -> dict[str, object]:
    return {"score_id": str(number), "run_id": run_id, "study": "s", "variant": "semi", "phi_name": "phi", "hours": 1.0,
            "seed": 0, "dataset": "films", "split": "dev", "protocol": "open_v1", "sequence": sequence,
            "metric": "pa_mpjpe_mm", "value": value, "n_frames": 50, "commit": "c", "scored_at": NOW}  # fmt: skip


def test_the_worst_come_first_and_no_average_is_among_them(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    found = [("a", 90.0), ("b", 120.0), ("*macro", 500.0), ("c", 100.0), ("d", float("nan"))]
    rows = [score(i, name, value) for i, (name, value) in enumerate(found)] + [score(9, "e", 900.0, run_id="other")]
    lake.append("scores", rows_to_table("scores", rows))
    assert worst_sequences(lake, "r", count=2, **WHERE) == {"b": 120.0, "c": 100.0}


def tracks(frames: int) -> dict[str, np.ndarray]:
    truth = np.random.default_rng(0).normal(0, 0.3, (frames, 25, 3)).astype(np.float32)
    present = truth.copy()
    present[60:80, 6] += 0.5
    return {"truth": truth, "present": present}


def test_the_window_holds_the_worst_frames_and_forgets_where_the_person_is() -> None:
    found = tracks(120)
    found["present"] = found["present"] + 7.0
    window = worst_window(found, frames=40)
    assert window.start <= 60
    assert window.stop >= 80
    assert window.stop - window.start == 40
    assert worst_window(tracks(30), frames=40) == slice(0, 30)


def test_what_is_kept_is_whole_mm_about_the_hips(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    found = tracks(20)
    found["truth"][2, 14] = np.nan
    keep_worst(lake, [Worst("film/0", 120.0, 25.0, found)], {"study": "s"}, command="x", commit="c", began=NOW)
    shown = json.loads(lake.read("runs").to_pylist()[0]["config"])["sequences"][0]
    assert shown["tracks"]["truth"][2][42:45] == [None, None, None]
    kept = np.array(shown["tracks"]["present"], dtype=float).reshape(20, 25, 3) / 1000
    assert np.abs(kept - centred(found["present"])).max() <= 0.00051
