"""The longer operations: harvest, films, training, a study, checkpoints, the quickstart; each at its smallest."""

import importlib.util
import multiprocessing
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import forks
import numpy as np
import torch
from operations import Content, Operation, file_digests, leftovers, rows_of, settled

import flows.films
import harvest.commit
from body.keypoints import KeypointModel
from evaluation.study.config import StudyConfig
from flows.films import QuickstartConfig, harvest_by_url, harvest_with_truth, make_all_films
from flows.quickstart.cells import ground_of, train_and_score
from flows.study.cells import HeldOut
from flows.study.places import Places
from flows.study.run import study_on
from harvest.config import HarvestConfig
from harvest.run import harvest as run_harvest
from hmmr_model.checkpoint import load_checkpoint
from openworld.film.batch import make_films
from openworld.worlds import SplitConfig, WorldConfig
from scripts import film_copies
from storage.commit import commit_shard
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake
from storage.tables import rows_to_table

ROOT = Path(__file__).resolve().parents[2]
FILMS, MADE = 6, 2


def _world(films: int, seconds: tuple[float, float], name: str = "unlabelled") -> WorldConfig:
    split = SplitConfig(name, films, crossing=0, cut=0, seconds=seconds)
    return WorldConfig(splits=(split,), seed=5, width=128, height=96, processes=1)


def make_sources(folder: Path) -> None:
    """Six short films of two that are rendered."""
    film_copies.make_sources(folder, FILMS, MADE)


def _harvest(folder: Path) -> None:
    """Two workers, commits of two videos; workers are forks too, which need no start-up."""
    fork = multiprocessing.get_context("fork")
    multiprocessing.get_context = lambda _=None: fork  # type: ignore[assignment]
    harvest.commit.commit_shard = partial(commit_shard, between=lambda step: forks.step_reached(step))
    films = folder / "films"
    config = HarvestConfig(
        backend="truth", truth_films=films, phis=("keypoints",), workers=2, shard_videos=2, lease_s=3.0,
        retry_failed=True,
    )  # fmt: skip
    run_harvest([films], Lake(folder / "lake"), config)


def _harvested(folder: Path) -> Content:
    content = settled(folder)
    lake = Path(Lake(folder / "lake").root)
    return {**content, "leftovers": [name for name in leftovers(lake) if "cache" not in name]}


def _nothing(folder: Path) -> None:
    folder.mkdir(exist_ok=True)


def _make_films(folder: Path) -> None:
    make_films(_world(3, (0.4, 0.5)), folder / "films")


def _films(folder: Path) -> Content:
    return {"files": file_digests(folder / "films"), "leftovers": leftovers(folder / "films")}


def _training() -> Any:
    """The run of a few seconds of the tests (60 steps, saved every third)."""
    place = ROOT / "tests" / "hmmr_model" / "killed_run.py"
    spec = importlib.util.spec_from_file_location("killed_run", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TRAINING = _training()


def _train(folder: Path) -> None:
    torch.set_num_threads(1)
    TRAINING.run(folder / "run")


def _trained(folder: Path) -> Content:
    weights = load_checkpoint(folder / "run" / "model.pt").weights
    bits = [f"{name} {hash_of(value)}" for name, value in sorted(weights.items())]
    return {"weights": bits, "leftovers": leftovers(folder / "run")}


def hash_of(value: torch.Tensor) -> str:
    """Digest of a tensor's bits."""
    import hashlib

    return hashlib.sha256(value.contiguous().numpy().tobytes()).hexdigest()[:20]


STUDY = StudyConfig(
    name="unit", shares=(0.0, 1.0), seeds=(0,), budgets=("steps",), phi=("keypoints",), reprojected=False,
    step_shares_without_film=(1.0,),
    train=(("model.groups", 4), ("model.width", 24), ("preset", "tiny"), ("save_every", 3), ("steps", 6)),
)  # fmt: skip


def _labels(tracklet: dict[str, Any], split: str, body: KeypointModel) -> dict[str, Any]:
    """Truth of a person who stands still, in the camera's axes."""
    frames = tracklet["n_frames"]
    rotations = torch.eye(3).repeat(frames, 24, 1, 1)
    keypoints, _ = body(rotations, torch.zeros(frames, 10))
    seen = tracklet["keypoints"].reshape(frames, 25, 3).copy()
    seen[..., 2] = 1
    return {
        "tracklet_id": tracklet["tracklet_id"], "source_id": tracklet["source_id"], "body": "open24", "split": split,
        "truth_id": f"film_{tracklet['source_id'][:6]}:0", "valid": np.ones(frames, bool),
        "keypoints_3d": keypoints.numpy().reshape(frames, 75), "keypoints_2d": seen.reshape(frames, 75) + 0.5,
        "rotations": rotations.numpy().reshape(frames, 216), "betas": np.zeros(10, np.float32),
        "translation": np.zeros((frames, 3), np.float32),
    }  # fmt: skip


def _lakes(folder: Path) -> None:
    """A pool, a labelled lake and a held-out one, of generated people."""
    torch.set_num_threads(1)
    body = KeypointModel.load()
    for name, first, splits in (("held_out", 200, ["dev"]), ("lake", 0, ["unlabelled"] * 2),
                                ("labelled", 100, ["labelled"] * 2)):  # fmt: skip
        rows = [tracklet_row(source_name(first + i), tags=[["walk"], ["run"]][i % 2]) for i in range(len(splits))]
        lake = Lake(folder / name)
        lake.append("tracklets", rows_to_table("tracklets", rows))
        lake.append("features", rows_to_table("features", [feature_row(row, dim=75) for row in rows]))
        truth = [_labels(row, split, body) for row, split in zip(rows, splits, strict=True)]
        lake.append("labels3d", rows_to_table("labels3d", truth))


def _study(folder: Path) -> None:
    torch.set_num_threads(1)
    held_out = (HeldOut("films", folder / "held_out", ("dev",)),)
    study_on(STUDY, Places(folder / "lake", folder / "labelled", held_out, folder / "out"), 1, "make trial")


def _studied(folder: Path) -> Content:
    scores = Lake(folder / "lake").read("scores").to_pylist()
    values = sorted(f"{row['score_id']} {row['value']!r}" for row in scores if row["sequence"])
    twice = len(scores) - len({row["score_id"] for row in scores})
    pages = sorted(path.name for path in (folder / "out").glob("*.html"))
    return {"scores": values, "doubled": [f"{twice} rows"] if twice else [], "pages": pages,
            "leftovers": leftovers(folder / "out")}  # fmt: skip


def _quickstart(folder: Path) -> None:
    """The steps of `hmmr quickstart` in its order, on few films and few training steps, by the backend it uses."""
    torch.set_num_threads(1)
    world = flows.films.quickstart_world()
    splits = tuple(replace(split, films=1 if split.name != "unlabelled" else 2, crossing=0, cut=0, empty=0, four=0,
                           hidden=0, away=0) for split in world.splits)  # fmt: skip
    flows.films.quickstart_world = lambda: replace(world, splits=splits, processes=1)  # type: ignore[assignment]
    config = QuickstartConfig(folder / "out", shares=(0.0, 1.0), seeds=(0,), steps=6, workers=1,
                              step_shares_without_films=(1.0,))  # fmt: skip
    make_all_films(config)
    harvest_by_url(config)
    harvest_with_truth(config)
    train_and_score(config, ground_of(config))


def _quickstarted(folder: Path) -> Content:
    out = folder / "out"
    lakes = {f"{name} {table}": [str(len(rows))] for name in ("lake", "labelled", "held_out")
             for table, rows in rows_of(Lake(out / name)).items()}  # fmt: skip
    scores = Lake(out / "lake").read("scores").num_rows
    made = [name for name in leftovers(out) if "/cache/" not in name]
    temporary = sorted(path.name for path in Path(tempfile.gettempdir()).glob("hmmr*") if path.is_dir())
    return {**lakes, "films": file_digests(out / "films"), "scores": [str(scores)], "leftovers": made,
            "temporary folders": temporary}  # fmt: skip


PIPELINES = (
    Operation("harvest", make_sources, _harvest, _harvested, ("killed", "killed at a step", "terminated",
              "interrupted"), 8),
    Operation("films", _nothing, _make_films, _films, ("killed", "interrupted"), 4),
    Operation("training", _nothing, _train, _trained, ("killed", "interrupted", "file too large"), 6),
    Operation("study", _lakes, _study, _studied, ("killed", "interrupted"), 3),
    Operation("quickstart", _nothing, _quickstart, _quickstarted, ("killed",), 3),
)  # fmt: skip
