"""What are the temporal encoder, the Δ heads, the hallucinator and each loss worth? Tables in markdown.

All films of the open-world study are used: 80 labelled, 640 harvested.

    .venv/bin/hmmr study run --preset open-world          (its films and lakes are read here; stop it after the harvest)
    .venv/bin/python scripts/measure_model.py out/open-world --out out/model --split dev
    .venv/bin/python scripts/measure_model.py out/open-world --out out/model --split test --split mocap --split pose2sim

Trains what is missing below --out and can be killed and run again. Choose on dev; score test once.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.protocols.registry import OPEN_V1
from evaluation.score import aggregate, score_sequences
from flows.head_errors import head_errors
from flows.study.begin import train_config
from hmmr_model.checkpoint import load_checkpoint
from hmmr_model.configs import TrainConfig, open_preset
from hmmr_model.predict import Prediction, Predictor, predict_lake
from hmmr_model.refine import refine_lake
from hmmr_model.train import train
from storage.atomic import write_json_atomically
from storage.lake import Lake
from storage.snapshot import select
from storage.tables import iter_tracklets, read_labels3d, read_zero_shot

SEEDS = (0, 1, 2)
ABLATION_SEEDS = (0, 1)
LOSSES = ("keypoints_2d", "joints_3d", "rotations", "betas", "acceleration", "adversarial", "beta_prior",
          "constant_shape", "hallucination", "auxiliary")  # fmt: skip
ABLATION_STEPS = 500
SETS = {"dev": ("held_out", "dev"), "test": ("held_out", "test"), "mocap": ("mocap", "mocap"),
        "pose2sim": ("pose2sim", "test")}  # fmt: skip
"""Lake below the study's folder, and split. `hmmr data prepare pose2sim ... --out FOLDER/pose2sim` makes the last."""
METRICS = ("pa_mpjpe_mm", "mpjpe_mm", "accel_error_mm_frame2")
REFINED = "refined/"
Motions = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Run:
    """One training: a row of the tables and a seed."""

    name: str
    config: TrainConfig
    refine: bool = False
    """Whether its predictions are also scored after refinement, as `hmmr predict` does it."""

    def folder(self, out: Path) -> Path:
        """The folder of its checkpoint and scores."""
        return out / f"{self.name}-{self.config.seed}"


def runs(ablation: bool = True) -> Iterator[Run]:
    """The temporal model; single frames with the same losses, and without the one that is about time; and, in fewer
    steps, each loss taken away once."""
    whole = open_preset()
    for seed in SEEDS:
        config = replace(whole, seed=seed)
        yield Run("temporal", config, refine=True)
        model = replace(config.model, blocks=0, frame_dropout=0.0, deltas=(), hallucinate=False)
        single = replace(config, model=model, data=replace(config.data, target_margin=0))
        yield Run("single_frame_same_losses", single)
        yield Run("single_frame", replace(single, loss=replace(config.loss, acceleration=0.0)), refine=True)
    for seed in ABLATION_SEEDS if ablation else ():
        short = replace(whole, steps=ABLATION_STEPS, seed=seed)
        yield Run("short", short)
        for loss in LOSSES:
            without = train_config([("preset", "open"), (f"loss.{loss}", 0.0)]).loss
            yield Run(f"short_without_{loss}", replace(short, loss=without))


def train_run(run: Run, data: Path, out: Path) -> Path:
    """The run's checkpoint, on every film of the pool; trained if it is not there yet."""
    checkpoint = run.folder(out) / "model.pt"
    if not checkpoint.exists():
        pool, labelled = Lake(data / "lake"), Lake(data / "labelled")
        config = replace(run.config, prior_poses=str(data / "prior_poses.npz"))
        train(config, pool, [labelled], run.folder(out), tracklet_ids=select(pool).tracklet_ids,
              labelled_ids=select(labelled).tracklet_ids)  # fmt: skip
    return checkpoint


def score_run(run: Run, data: Path, out: Path, split: str) -> dict[str, float]:
    """Errors of one run on one split; computed once and stored beside the checkpoint."""
    kept = run.folder(out) / f"{split}.json"
    if not kept.exists():
        checkpoint = train_run(run, data, out)
        name, which = SETS[split]
        lake = Lake(data / name, create=False)
        predictor = Predictor(load_checkpoint(checkpoint))
        predictions = predict_lake(predictor, lake, list(read_labels3d(lake, split=which)))
        errors = _errors(_motions(predictions), lake, which)
        if run.refine:
            refinements = refine_lake(predictions, lake, predictor.body, phi_name=run.config.data.phi_name)
            refined = _errors(_motions(refinements), lake, which)
            errors |= {REFINED + metric: value for metric, value in refined.items()}
        if run.config.model.deltas:
            errors |= head_errors(checkpoint, lake, which)
        write_json_atomically(kept, errors)
    values: dict[str, float] = json.loads(kept.read_text())
    return values


def _motions(predictions: dict[str, Prediction]) -> Motions:
    return {name: prediction.keypoints_3d for name, prediction in predictions.items()}


def _errors(motions: Motions, lake: Lake, split: str) -> dict[str, float]:
    labels = read_labels3d(lake, split=split)
    rates = {tracklet.tracklet_id: tracklet.fps for tracklet in iter_tracklets(lake, list(labels))}
    averages = aggregate(score_sequences(motions, labels, OPEN_V1, fps=rates))
    return {metric: averages[metric].macro for metric in METRICS}


def zero_shot_errors(data: Path, split: str) -> dict[str, float]:
    """The 2D network's own 3D on the same frames."""
    name, which = SETS[split]
    lake = Lake(data / name, create=False)
    return _errors(read_zero_shot(lake, list(read_labels3d(lake, split=which))), lake, which)


def tables(asked: Sequence[Run], data: Path, out: Path, split: str) -> Iterator[str]:
    """The three tables of one split, line by line."""
    by_name: dict[str, list[dict[str, float]]] = {}
    for run in asked:
        by_name.setdefault(run.name, []).append(score_run(run, data, out, split))
    by_name["BlazePose's own 3D"] = [zero_shot_errors(data, split)]
    yield f"### {split}\n"
    yield "| model | seeds | PA-MPJPE mm | MPJPE mm | acceleration error mm/frame^2 | future | hallucinated future |"
    yield "|---|---|---|---|---|---|---|"
    for name, rows in by_name.items():
        for prefix in ("", REFINED) if REFINED + METRICS[0] in rows[0] else ("",):
            heads = [f"{what}/head/mpjpe_mm" for what in ("future", "hallucinated_future")]
            cells = [_mean(rows, prefix + metric) for metric in METRICS]
            cells += [_mean(rows, head) if head in rows[0] and not prefix else "-" for head in heads]
            yield f"| {name}{', refined' if prefix else ''} | {len(rows)} | " + " | ".join(cells) + " |"
    yield "\n| at five frames away, MPJPE / PA-MPJPE mm | head | nothing moves | constant velocity |\n|---|---|---|---|"
    for what in ("future", "past", "hallucinated_future", "hallucinated_past"):
        cells = [_pair(by_name["temporal"], f"{what}/{way}") for way in ("head", "nothing_moves", "constant_velocity")]
        yield f"| {what} | " + " | ".join(cells) + " |"


def _pair(rows: list[dict[str, float]], what: str) -> str:
    if f"{what}/mpjpe_mm" not in rows[0]:
        return "-"
    return f"{_mean(rows, f'{what}/mpjpe_mm')} / {_mean(rows, f'{what}/pa_mpjpe_mm')}"


def _mean(rows: list[dict[str, float]], metric: str) -> str:
    values = [row[metric] for row in rows]
    return f"{np.mean(values):.1f}" + (f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else "")


def main() -> None:
    """Train in parallel, one thread each, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the open-world study, with its lakes")
    parser.add_argument("--out", type=Path, required=True, help="where models and scores are kept")
    parser.add_argument("--split", action="append", choices=tuple(SETS), default=None)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--no-ablation", action="store_true", help="no training with a loss taken away")
    given = parser.parse_args()
    asked = list(runs(not given.no_ablation))
    with ProcessPoolExecutor(given.workers, get_context("spawn")) as pool:
        waiting = [pool.submit(train_run, run, given.data, given.out) for run in asked]
        for number, training in enumerate(waiting, 1):
            print(f"{number} of {len(waiting)}: {training.result()}", file=sys.stderr)
    for split in given.split or ["dev"]:
        print("\n".join(tables(asked, given.data, given.out, split)), end="\n\n")


if __name__ == "__main__":
    main()
