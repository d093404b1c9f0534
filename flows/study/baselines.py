"""Scores the baselines of a study on the films and by the protocol of its cells, and keeps their rows."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from evaluation.baselines import UNTRAINED, Features, Motions, mean_pose, ridge
from evaluation.protocols.registry import protocol_named
from evaluation.score import Scored
from flows.provenance import code_commit
from flows.study.cells import HeldOut, Key, StudyContext, keep_scores, scored_sets
from storage.lake import Lake
from storage.tables import Labels3D, read_labels3d, read_phi, read_zero_shot

Baseline = Callable[[HeldOut, str], Motions]
LabelledIds = tuple[str, ...] | None


def score_baselines(context: StudyContext, phi_name: str, labelled: Mapping[int, LabelledIds] | None = None) -> None:
    """Scores the mean pose, ridge from φ (strength chosen on dev) and the 2D network's own 3D, raw and smoothed.

    On every held-out split that was harvested with the φ and has no such score yet. `labelled` names the labelled
    tracklets of each seed, all by default; where the seeds share one set, it is fitted once.
    """
    sets = dict(labelled or {0: None})
    alike, have = len(set(sets.values())) == 1, scored_sets(context.lake)
    for seed, ids in list(sets.items())[: 1 if alike else None]:
        suffix, number = ("", 0) if alike else (f"/seed-{seed}", seed)
        labels = _labels(context, ids)
        _score(context, have, "mean_pose", phi_name, suffix, number, partial(_mean_pose, labels))
        _score(context, have, "ridge", phi_name, suffix, number, _Ridge(context, phi_name, labels))
    for name in UNTRAINED:
        _score(context, have, name, phi_name, "", 0, partial(_untrained, name, phi_name))


def _untrained(name: str, phi_name: str, held_out: HeldOut, split: str) -> Motions:
    return UNTRAINED[name](read_zero_shot(Lake(held_out.lake), _ids(held_out, split), phi_name))


def _score(
    context: StudyContext, have: set[Key], name: str, phi_name: str, suffix: str, seed: int, baseline: Baseline
) -> None:
    """Scores one baseline on every split that has the φ and no score of it yet."""
    run_id = f"{name}/{phi_name}{suffix}"
    for held_out in context.held_out:
        for split in held_out.splits:
            if (context.study, run_id, name, held_out.dataset, split) in have or not held_out.has(phi_name):
                continue
            scored = Scored(
                run_id=run_id, variant=name, dataset=held_out.dataset, split=split, commit=code_commit(),
                scored_at=datetime.now(UTC), study=context.study, phi_name=phi_name, seed=seed,
            )  # fmt: skip
            keep_scores(Lake(context.lake), baseline(held_out, split), held_out, scored)


def _labels(context: StudyContext, ids: LabelledIds) -> dict[str, Labels3D]:
    return read_labels3d(Lake(context.labelled), None if ids is None else list(ids))


def _mean_pose(labelled: dict[str, Labels3D], held_out: HeldOut, split: str) -> Motions:
    labels = read_labels3d(Lake(held_out.lake), split=split)
    lengths = {tracklet_id: len(label.valid) for tracklet_id, label in labels.items()}
    return mean_pose(labelled, lengths)


class _Ridge:
    """A ridge that is fitted when it is first called: a study that is resumed has most of its baselines."""

    def __init__(self, context: StudyContext, phi_name: str, labelled: dict[str, Labels3D]) -> None:
        self._context, self._phi_name, self._labelled = context, phi_name, labelled
        self._predict: Callable[[Features], Motions] | None = None

    def __call__(self, held_out: HeldOut, split: str) -> Motions:
        self._predict = self._predict or self._fit()
        return self._predict(_phi(held_out, split, self._phi_name))

    def _fit(self) -> Callable[[Features], Motions]:
        dev = self._context.dev
        known = read_labels3d(Lake(dev.lake), split="dev")
        phi = read_phi(Lake(self._context.labelled), self._phi_name, list(self._labelled))
        protocol = protocol_named(dev.protocol)
        return ridge(phi, self._labelled, _phi(dev, "dev", self._phi_name), known, protocol).predict


def _ids(held_out: HeldOut, split: str) -> list[str]:
    return list(read_labels3d(Lake(held_out.lake), split=split))


def _phi(held_out: HeldOut, split: str, phi_name: str) -> Features:
    return read_phi(Lake(held_out.lake), phi_name, _ids(held_out, split))
