"""Speed of the evaluator: 3DPW's test split (35,515 frames of 37 tracks), all metrics, against the usual loop.

    python bench/evaluator.py

The loop is the routine that the field's repositories run frame by frame (SVD Procrustes in numpy), written for this
comparison; both sides compute the same eight metrics of the same numbers in one process, one thread, and must agree.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from numpy.typing import NDArray

from evaluation.metrics import pa_mpjpe
from evaluation.score import frame_values

FRAMES, TRACKS, JOINTS = 35_515, 37, 14
AT_LEAST = 30.0
Floats = NDArray[np.float64]


def _tracks() -> list[tuple[Floats, Floats]]:
    rng = np.random.default_rng(0)
    lengths = np.diff(np.linspace(0, FRAMES, TRACKS + 1).astype(int))
    truth = [rng.normal(size=(n, JOINTS, 3)) * [0.2, 0.5, 0.15] for n in lengths]
    return [(t + 0.08 * rng.normal(size=t.shape), t) for t in truth]


def _aligned(pred: Floats, target: Floats) -> Floats:
    """Umeyama's similarity of one frame."""
    middle_p, middle_t = pred.mean(0), target.mean(0)
    p, t = pred - middle_p, target - middle_t
    u, _, vt = np.linalg.svd(p.T @ t)
    sign = np.eye(3)
    sign[2, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = vt.T @ sign @ u.T
    scale = np.trace(rotation @ p.T @ t) / np.sum(p**2)
    moved: Floats = scale * (rotation @ p.T).T + middle_t
    return moved


def _loop(pred: Floats, target: Floats) -> dict[str, Floats]:
    """One track, frame by frame."""
    rows: dict[str, list[float]] = {name: [] for name in ("mpjpe_mm", "pa_mpjpe_mm", "scale_mpjpe_mm", "pck_150mm",
                                                          "auc_150mm", "mirrored_share", "accel_error_mm_frame2",
                                                          "accel_pred_mm_frame2")}  # fmt: skip
    for p, t in zip(pred, target, strict=True):
        errors = np.sqrt(((p - t) ** 2).sum(-1)) * 1000
        rows["mpjpe_mm"].append(errors.mean())
        rows["pa_mpjpe_mm"].append(np.sqrt(((_aligned(p, t) - t) ** 2).sum(-1)).mean() * 1000)
        scale = (p * t).sum() / (p * p).sum()
        rows["scale_mpjpe_mm"].append(np.sqrt(((scale * p - t) ** 2).sum(-1)).mean() * 1000)
        rows["pck_150mm"].append((errors <= 150).mean())
        rows["auc_150mm"].append(np.mean([(errors <= limit).mean() for limit in np.linspace(0, 150, 31)]))
        flipped = np.sqrt(((p * [1, 1, -1] - t) ** 2).sum(-1)).mean() * 1000
        rows["mirrored_share"].append(float(flipped < errors.mean()))
    for i in range(1, len(pred) - 1):
        own = pred[i + 1] - 2 * pred[i] + pred[i - 1]
        true = target[i + 1] - 2 * target[i] + target[i - 1]
        rows["accel_error_mm_frame2"].append(np.linalg.norm(own - true, axis=1).mean() * 1000)
        rows["accel_pred_mm_frame2"].append(np.linalg.norm(own, axis=1).mean() * 1000)
    return {name: np.array(values) for name, values in rows.items()}


def _ours(pred: Floats, target: Floats) -> dict[str, Floats]:
    first, second = torch.from_numpy(pred), torch.from_numpy(target)
    return frame_values(first, second, torch.ones(pred.shape[:2], dtype=torch.bool), None)


def _pa_alone(tracks: list[tuple[Floats, Floats]]) -> tuple[float, float]:
    """Seconds of PA-MPJPE over the pooled frames, ours (best of 3) and the loop's."""
    pred, target = (np.concatenate([track[side] for track in tracks]) for side in (0, 1))
    times = []
    for _ in range(3):
        began = time.perf_counter()
        pa_mpjpe(pred, target)
        times.append(time.perf_counter() - began)
    began = time.perf_counter()
    for p, t in zip(pred, target, strict=True):
        np.sqrt(((_aligned(p, t) - t) ** 2).sum(-1)).mean()
    return min(times), time.perf_counter() - began


def main() -> None:
    """Time both, compare every number, print the ratio; a ratio below the promise ends non-zero."""
    torch.set_num_threads(1)
    tracks = _tracks()
    _ours(*tracks[0])
    times = []
    for _ in range(3):
        began = time.perf_counter()
        ours = [_ours(*track) for track in tracks]
        times.append(time.perf_counter() - began)
    began = time.perf_counter()
    looped = [_loop(*track) for track in tracks]
    loop_s = time.perf_counter() - began
    pa_s, pa_loop_s = _pa_alone(tracks)
    gap = max(float(abs(a[name] - b[name]).max()) for a, b in zip(ours, looped, strict=True) for name in b)
    ratio = loop_s / min(times)
    print(f"{FRAMES} frames, {TRACKS} tracks, {JOINTS} joints, {len(looped[0])} metrics, 1 thread")
    print(f"vectorised {min(times) * 1000:.0f} ms (best of 3; worst {max(times) * 1000:.0f}), loop {loop_s:.2f} s")
    print(f"PA-MPJPE alone: {pa_s * 1000:.0f} ms, loop {pa_loop_s:.2f} s, {pa_loop_s / pa_s:.0f} times")
    print(f"{ratio:.0f} times faster; largest difference {gap:.1e} mm")
    if ratio < AT_LEAST or gap > 1e-6:
        raise SystemExit(f"promised: at least {AT_LEAST:.0f} times faster, and the same numbers")


if __name__ == "__main__":
    main()
