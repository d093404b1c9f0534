"""Lakes with generated rows, written through storage; and a real browser where there is one."""

import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.lake import Lake
from storage.tables import rows_to_table

HOSTILE = '"\'></title></script><script>window.pwned = 1</script><img src=x onerror="window.pwned = 2"> jump & run'
"""What a stranger may call a video."""

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LABEL_KEY = "0" * 64
BASELINES = ("ridge", "zero_shot", "mean_pose")


def standing(at: float = 100.0) -> list[float]:
    """75 numbers: a person who stands, seen from the front."""
    places = {
        0: (-1, 18), 1: (-1, 14), 2: (-1, 10), 3: (1, 10), 4: (1, 14), 5: (1, 18), 6: (-4, 10), 7: (-3, 7), 8: (-2, 4),
        9: (2, 4), 10: (3, 7), 11: (4, 10), 12: (0, 3.5), 13: (0, 0), 14: (0, 2), 23: (1, 17.5), 24: (-1, 17.5),
        19: (1.5, 18.5), 20: (-1.5, 18.5),
    }  # fmt: skip
    row: list[float] = []
    for slot in range(25):
        x, y = places.get(slot, (0, 0))
        row += [at + 10 * x, at + 10 * y, 0.9 if slot in places else 0.0]
    return row


def tracklet(index: int, source: str, licence: str, tags: list[str], frames: int = 50) -> dict[str, Any]:
    square = [50.0, 50.0, 250.0, 250.0]
    return {
        "tracklet_id": f"t{index}", "source_id": source, "shot_index": 0, "person_index": index, "fps_num": 25,
        "fps_den": 1, "time_base_num": 1, "time_base_den": 12800, "width": 640, "height": 360,
        "frame_index": list(range(frames)), "pts": [512 * i for i in range(frames)], "observed": [True] * frames,
        "boxes": [square] * frames, "keypoints": [standing()] * frames, "n_frames": frames, "seconds": frames / 25,
        "mean_score": 0.9, "visible_joints": 19.0, "median_diagonal_px": 200.0, "tags": tags, "backend": "embedded",
        "preset": "default", "licence": licence, "label_key": LABEL_KEY, "committed_at": NOW,
    }  # fmt: skip


def video(source: str, title: str, licence: str, tags: list[str]) -> dict[str, Any]:
    return {
        "source_id": source, "url": f"https://films.example/{source}", "host": "films.example", "uploader": HOSTILE,
        "title": title, "content_sha256": "a" * 64, "fingerprints": [1, 2], "width": 640, "height": 360, "n_frames": 50,
        "duration_s": 2.0, "bytes": 100_000, "licence": licence, "evidence": "{}", "tags": tags, "provenance": "{}",
        "stage_seconds": json.dumps({"download": {"wall": 1.5, "cpu": 0.2}, "pose": {"wall": 8.0, "cpu": 7.5}}),
        "label_key": LABEL_KEY, "committed_at": NOW,
    }  # fmt: skip


def reject(reason: str, keypoints: list[list[float]] | None, measured: float | None) -> dict[str, Any]:
    return {
        "source_id": "v1", "shot_index": 0, "person_index": 3, "first_frame": 4, "last_frame": 15, "n_frames": 12,
        "stage": "filter", "reason": reason, "measured": measured, "threshold": 20.0 if measured else None,
        "preset": "default", "label_key": LABEL_KEY, "keypoints": keypoints,
    }  # fmt: skip


def run(run_id: str, minute: int = 0) -> dict[str, Any]:
    curve = {"loss/2d": [[step, 5.0 / (1 + step / 100)] for step in range(0, 1000, 50)]}
    return {
        "run_id": run_id, "kind": "train", "started_at": NOW + timedelta(minutes=minute), "seconds": 21.5,
        "config": json.dumps({"preset": "tiny", "note": HOSTILE}), "snapshot": "b" * 64,
        "checkpoint": "checkpoints/x.pt", "command": f"hmmr train {HOSTILE}", "commit": "c" * 40,
        "curves": json.dumps(curve),
    }  # fmt: skip


def score(
    run_id: str, variant: str, hours: float, seed: int, metric: str, value: float, **other: Any
) -> dict[str, Any]:
    row = {
        "run_id": run_id, "study": "quick", "variant": variant, "phi_name": "blazepose_penultimate", "hours": hours,
        "seed": seed, "dataset": "films", "split": "test", "protocol": "open_v1", "sequence": "*macro",
        "metric": metric, "value": value, "n_frames": 500, "commit": "c" * 40, "scored_at": NOW, **other,
    }  # fmt: skip
    names = ("run_id", "study", "variant", "phi_name", "hours", "seed", "dataset", "split", "protocol", "sequence")
    return {"score_id": "/".join(str(row[name]) for name in (*names, "metric")), **row}


def study_scores(study: str = "quick", offset: float = 0.0) -> list[dict[str, Any]]:
    """Three sizes, two seeds, a ceiling and three baselines, two metrics, dev and test."""
    rng = np.random.default_rng(0)
    cells = [("ridge", 0.0, 0, 112.0), ("zero_shot", 0.0, 0, 80.5), ("mean_pose", 0.0, 0, 160.0)]
    for seed in (0, 1):
        sizes = ((0.0, 125.0), (0.025, 112.0), (0.05, 101.0))
        cells += [("semi", hours, seed, value + rng.normal(0, 2)) for hours, value in sizes]
        cells.append(("ceiling", 0.05, seed, 80.0 + rng.normal(0, 2)))
    rows = []
    for split in ("test", "dev"):
        for metric, scale in (("pa_mpjpe_mm", 1.0), ("mpjpe_mm", 1.6)):
            for variant, hours, seed, value in cells:
                name = variant if variant in BASELINES else f"{study}-{variant}-{hours}-{seed}"
                phi = "" if variant == "mean_pose" else "blazepose_penultimate"
                rows.append(score(name, variant, hours, seed, metric, value * scale + offset, study=study, split=split,
                                  phi_name=phi))  # fmt: skip
    return rows


def fitted_study() -> dict[str, Any]:
    """The report that evaluation/study/lake.py would keep, on a study that was simulated."""
    from evaluation.study.report import ReportOptions, report
    from evaluation.study.simulate import Design, saturating, simulate

    study = simulate(saturating, Design(sequences=6), np.random.default_rng(0), hours=(0.0, 0.025, 0.05))
    of = {"study": "quick", "phi_name": "blazepose_penultimate", "dataset": "films", "split": "test",
          "protocol": "open_v1", "metric": "pa_mpjpe_mm"}  # fmt: skip
    content = {"of": of, "report": report({"semi": study}, ReportOptions(draws=200))}
    return run("fit") | {"kind": "study", "config": json.dumps(content), "curves": "{}"}


def ranked_parts() -> dict[str, Any]:
    """A row as evaluation/study/parts.py keeps it."""
    spread = {"value": 2.0, "low": 1.0, "high": 3.0}
    part = {"hours": 0.02, "alone": spread, "on_top": spread, "shapley": spread, "per_hour": spread, "surely": "helps"}
    which = {"study": "quick", "by": "tag", "dataset": "films", "split": "dev", "metric": "pa_mpjpe_mm"}
    content = {"which": which, "ranking": [{"group": HOSTILE, **part}, {"group": "squat", **part}]}
    return run("which") | {"kind": "study", "config": json.dumps(content), "curves": "{}"}


def worst_sequence() -> dict[str, Any]:
    """A row as evaluation/study/worst.py keeps it: thirty frames of somebody who sways."""
    rest = np.array(standing(0.0)).reshape(25, 3) - [0.0, 100.0, 0.0]
    sway = np.stack([rest * [8, 8, 0] + [40 * np.sin(frame / 5), 0, 0] for frame in range(30)]).reshape(30, 75)
    tracks = {name: (sway + shift).astype(int).tolist() for name, shift in
              (("truth", 0), ("present", 30), ("past", 60), ("future", 90))}  # fmt: skip
    tracks["truth"][3][0] = None
    which = {"study": "quick", "run_id": "r", "dataset": "films", "split": "dev", "metric": "pa_mpjpe_mm"}
    shown = [{"sequence": HOSTILE, "error": 151.2, "fps": 25.0, "first_frame": 0, "tracks": tracks}]
    return run("worst") | {"kind": "study", "config": json.dumps({"worst": which, "sequences": shown}), "curves": "{}"}


@pytest.fixture
def empty_lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "empty")


@pytest.fixture
def full_lake(tmp_path: Path) -> Lake:
    """Two videos, five tracklets, rejects with and without keypoints, six runs, a whole small study."""
    lake = Lake(tmp_path / "lake")
    videos = [video("v1", HOSTILE, "open", [HOSTILE]), video("v2", "squats", "vouched 2026-11-22", ["squat"])]
    tracklets = [tracklet(i, "v1", "open", [HOSTILE]) for i in range(3)]
    tracklets += [tracklet(i, "v2", "vouched 2026-11-22", ["squat"]) for i in (3, 4)]
    rejects = [reject("too_short", [standing()] * 4, 12.0), reject("no_person", None, None)]
    scores = study_scores() + study_scores("second <b>detector</b>", offset=4.0)
    lake.append("videos", rows_to_table("videos", videos))
    lake.append("rejects", rows_to_table("rejects", rejects))
    lake.append("tracklets", rows_to_table("tracklets", tracklets))
    lake.append("scores", rows_to_table("scores", scores))
    probes = [{"source_id": "v1", "probed_at": NOW + timedelta(days=30), "alive": False, "answer": "404"},
              {"source_id": "v2", "probed_at": NOW + timedelta(days=40), "alive": True, "answer": "200"}]  # fmt: skip
    lake.append("probes", rows_to_table("probes", probes))
    lake.append("runs", rows_to_table("runs", [fitted_study(), ranked_parts(), worst_sequence()]))
    ids = sorted({row["run_id"] for row in scores} - set(BASELINES))
    lake.append("runs", rows_to_table("runs", [run(run_id, minute) for minute, run_id in enumerate(ids)]))
    return lake


WIDE = ("wide/steps/labelled-20", "wide/epochs/labelled-20", "wide/steps/labelled-5", "wide/steps/labelled-all",
        "wide/steps/labelled-20/noise-1", "wide/steps/labelled-20/noise-3")  # fmt: skip


@pytest.fixture
def wide_lake(tmp_path: Path) -> Lake:
    """One study as flows/study/run.py leaves it: six series of two features, the main one begun first, after an older
    study; every training with its settings."""
    lake, rows, runs = Lake(tmp_path / "wide"), [], []
    for place, name in enumerate(["older/steps", *WIDE]):
        for phi in ("blazepose_penultimate", "keypoints"):
            for row in study_scores(name, offset=place):
                run_id = f"{phi}-{row['run_id']}"
                told = {**row, "run_id": run_id, "score_id": f"{phi}/{row['score_id']}", "phi_name": phi}
                rows.append(told | {"scored_at": NOW + timedelta(minutes=place - 60)})
                if row["variant"] not in BASELINES and row["split"] == "dev" and row["metric"] == "pa_mpjpe_mm":
                    told = {"data": {"phi_name": phi}} | {key: row[key] for key in ("variant", "hours", "seed")}
                    runs.append(run(run_id, len(runs)) | {"config": json.dumps(told)})
    lake.append("scores", rows_to_table("scores", rows))
    lake.append("runs", rows_to_table("runs", runs))
    return lake


@pytest.fixture(scope="session")
def browser() -> Callable[[], AbstractContextManager[Any]]:
    """`with browser() as tab:` in a real Chromium; skips with the reason where there is none."""
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        reason = "no chromium on PATH: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have this: {reason}")
        pytest.skip(reason)
    script = Path(__file__).resolve().parents[2] / "scripts" / "browse.py"
    spec = importlib.util.spec_from_file_location("browse", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Callable[[], AbstractContextManager[Any]] = module.browser
    return made
