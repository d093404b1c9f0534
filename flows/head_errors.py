"""Errors of past and future at the window's ends, where the encoder cannot see the predicted frame.

Beside them what needs no Δ head: the present pose held ("nothing moves"), and the present pose moved on as it moved
over the last frames ("constant velocity"), both from the same model and window. T frames, 25 keypoints, metres.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.delta_scores import delta_scores
from evaluation.protocols.joints import scored_names
from evaluation.protocols.registry import OPEN_V1
from hmmr_model.checkpoint import load_checkpoint
from hmmr_model.objective import NOW
from hmmr_model.predict import Pose, Prediction, Predictor, Windows, ending_windows, join_windows, starting_windows
from storage.lake import Lake
from storage.tables import Labels3D, read_labels3d, read_phi

Points = NDArray[np.float32]
STEP = 5
"""Frames from the present to the past and the future (docs/paper.md 1.4)."""


def head_errors(checkpoint: Path, lake: Lake, split: str) -> dict[str, float]:
    """`future/head/mpjpe_mm` and the like, each the mean over frames of a tracklet, then over tracklets.

    `future` and `past` by open_v1 at ±5 frames, for each `head`, `nothing_moves`, `constant_velocity`; with the
    prefix `hallucinated_` from one frame alone (no velocity there).
    """
    labels = read_labels3d(lake, split=split)
    loaded = load_checkpoint(checkpoint)
    predictor, window = Predictor(loaded), loaded.config.data.window
    features = read_phi(lake, loaded.config.data.phi_name, list(labels))
    predicted: dict[str, dict[str, Points]] = {}
    for name, phi_TD in features.items():
        if len(phi_TD) >= window:
            for what, points in _answers(predictor, name, phi_TD, window).items():
                predicted.setdefault(what, {})[name] = points
    return _means(predicted, labels)


def _answers(predictor: Predictor, name: str, phi_TD: NDArray[np.float16], window: int) -> dict[str, Points]:
    """Keypoints predicted at each frame for STEP frames away, by method; NaN where no whole window ends or begins."""

    def ask(windows: Windows, by: int) -> tuple[Prediction, Points]:
        """The prediction at each window's own frame, and the present pose `by` frames from there."""
        plan = windows(frames, window)
        heads = predictor.heads(np.stack([phi_TD[part.frames_W] for part in plan]))
        aside = [replace(part, kept=slice(part.kept.start + by, part.kept.stop + by)) for part in plan]
        return join_windows(name, heads, plan), join_windows(name, {NOW: heads[NOW]}, aside).keypoints_3d

    frames = len(phi_TD)
    ending, earlier = ask(ending_windows, -STEP)
    starting, later = ask(starting_windows, STEP)
    single = predictor.tracklet(name, phi_TD)
    ended, begun = np.arange(frames) >= window - 1, np.arange(frames) <= frames - window
    answers = {
        "future/head": _only(_of(ending.future), ended),
        "future/nothing_moves": _only(ending.keypoints_3d, ended),
        "future/constant_velocity": _only(2 * ending.keypoints_3d - earlier, ended),
        "past/head": _only(_of(starting.past), begun),
        "past/nothing_moves": _only(starting.keypoints_3d, begun),
        "past/constant_velocity": _only(2 * starting.keypoints_3d - later, begun),
    }
    if single.hallucinated is not None:
        answers["hallucinated_future/head"] = _of(single.hallucinated_future)
        answers["hallucinated_past/head"] = _of(single.hallucinated_past)
        answers["hallucinated_future/nothing_moves"] = single.hallucinated.keypoints_3d
        answers["hallucinated_past/nothing_moves"] = single.hallucinated.keypoints_3d
    return answers


def _of(pose: Pose | None) -> Points:
    if pose is None:
        raise ValueError("this model has no past and future: train it with deltas")
    return pose.keypoints_3d


def _only(points: Points, where: NDArray[np.bool_]) -> Points:
    return np.where(where[:, None, None], points, np.float32(np.nan))


def _means(predicted: Mapping[str, Mapping[str, Points]], labels: Mapping[str, Labels3D]) -> dict[str, float]:
    names: Sequence[str] = scored_names(OPEN_V1)
    means = {}
    for what, motions in predicted.items():
        delta = -STEP if "past" in what else STEP
        scores = delta_scores({delta: motions}, labels, OPEN_V1, names)
        for metric in ("mpjpe_mm", "pa_mpjpe_mm"):
            values = [np.nanmean(errors) for errors in _finite(scores, f"{metric}_at{delta:+d}")]
            means[f"{what}/{metric}"] = float(np.mean(values)) if values else float("nan")
    return means


def _finite(scores: Mapping[str, Mapping[str, NDArray[np.float64]]], metric: str) -> list[NDArray[np.float64]]:
    return [values[metric] for values in scores.values() if np.isfinite(values[metric]).any()]
