"""The rows that a model has to beat, scored on the same films by the same protocol and kept beside the cells."""

from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow.compute as pc

from evaluation.baselines import Features, Motions, mean_pose, ridge, zero_shot
from evaluation.protocols import OPEN_V1
from evaluation.score_rows import Scored
from flows.cells import Ground, HeldOut, keep_scores
from flows.provenance import code_commit
from storage.lake import Lake
from storage.tables import read_labels3d, read_phi, read_zero_shot

Baseline = Callable[[HeldOut, str], Motions]


def score_baselines(ground: Ground, phi_name: str) -> None:
    """Mean pose, ridge from phi (strength chosen on dev) and the 2D network's zero-shot 3D, on every held-out split."""
    made: dict[str, Baseline] = {
        "mean_pose": lambda held_out, split: _mean_pose(ground, held_out, split),
        "ridge": _ridge(ground, phi_name),
        "zero_shot": lambda held_out, split: zero_shot(read_zero_shot(Lake(held_out.lake), _ids(held_out, split))),
    }
    for name, baseline in made.items():
        for held_out in ground.held_out:
            for split in held_out.splits:
                _score_once(ground, name, phi_name, baseline, held_out, split)


def _score_once(ground: Ground, name: str, phi_name: str, baseline: Baseline, held_out: HeldOut, split: str) -> None:
    where = (
        (pc.field("run_id") == f"{name}/{phi_name}") & (pc.field("study") == ground.study)
        & (pc.field("dataset") == held_out.dataset) & (pc.field("split") == split)
    )  # fmt: skip
    lake = Lake(ground.lake)
    if lake.read("scores", ["score_id"], where).num_rows:
        return
    scored = Scored(
        run_id=f"{name}/{phi_name}", variant=name, dataset=held_out.dataset, split=split, commit=code_commit(),
        scored_at=datetime.now(UTC), study=ground.study, phi_name=phi_name,
    )  # fmt: skip
    keep_scores(lake, baseline(held_out, split), held_out, scored)


def _mean_pose(ground: Ground, held_out: HeldOut, split: str) -> Motions:
    labels = read_labels3d(Lake(held_out.lake), split=split)
    lengths = {tracklet_id: len(label.valid) for tracklet_id, label in labels.items()}
    return mean_pose(read_labels3d(Lake(ground.labelled)), lengths)


def _ridge(ground: Ground, phi_name: str) -> Baseline:
    labelled, dev = Lake(ground.labelled), _dev(ground)
    fitted = ridge(
        read_phi(labelled, phi_name), read_labels3d(labelled), _phi(dev, "dev", phi_name),
        read_labels3d(Lake(dev.lake), split="dev"), OPEN_V1,
    )  # fmt: skip
    return lambda held_out, split: fitted.predict(_phi(held_out, split, phi_name))


def _dev(ground: Ground) -> HeldOut:
    return next(held_out for held_out in ground.held_out if "dev" in held_out.splits)


def _ids(held_out: HeldOut, split: str) -> list[str]:
    return list(read_labels3d(Lake(held_out.lake), split=split))


def _phi(held_out: HeldOut, split: str, phi_name: str) -> Features:
    return read_phi(Lake(held_out.lake), phi_name, _ids(held_out, split))
