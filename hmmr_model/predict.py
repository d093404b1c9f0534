"""Prediction of a lake's tracklets: sliding windows through the network, and what each head answers as arrays.

B windows, W frames of a window, T frames of a tracklet, D numbers of φ, 25 keypoints. Metres, camera axes (x right,
y down, z forward), pelvis at the origin.

Windows are as long as in training and only their middle is kept (docs/paper.md 1.5): GroupNorm's statistics span the
window, so a window of another length would be another network.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from body.keypoints import KeypointModel
from hmmr_model.checkpoint import Checkpoint, load_checkpoint
from hmmr_model.network import HMMR, BodyGuess, Head
from hmmr_model.objective import NOW, body_keypoints
from hmmr_model.tracks import rate_fits
from storage.lake import Lake
from storage.windows import scan

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Pose:
    """A body at every frame, without a camera: shape is the current prediction's."""

    rotations: Floats
    """(T, 24, 3, 3), root in camera axes."""
    keypoints_3d: Floats
    """(T, 25, 3)."""


@dataclass(frozen=True)
class Prediction:
    """All heads for one tracklet. `past` and `future` are predicted at frame t for t - 5 and t + 5."""

    tracklet_id: str
    rotations: Floats
    """(T, 24, 3, 3), root in camera axes."""
    betas: Floats
    """(T, 10)."""
    camera: Floats
    """(T, 3) weak perspective s, tx, ty in the crop: crop = s (X_xy + t)."""
    keypoints_3d: Floats
    """(T, 25, 3)."""
    past: Pose | None = None
    future: Pose | None = None
    hallucinated: Pose | None = None
    """The present body from each frame alone, by the hallucinator."""
    hallucinated_past: Pose | None = None
    hallucinated_future: Pose | None = None


WINDOWS_AT_ONCE = 64


@dataclass(frozen=True)
class Window:
    """Frames to feed (W numbers of frames, clamped into the tracklet) and which of the answers to keep where."""

    frames_W: NDArray[np.int64]
    kept: slice
    """Positions inside the window."""
    first: int
    """Frame of the tracklet that the first kept position is about."""


Windows = Callable[[int, int], list[Window]]
MARGIN = 6
"""Frames dropped at each side of a window: half the encoder's receptive field of 13 frames."""


def inner_windows(frames: int, window: int, margin: int = MARGIN) -> list[Window]:
    """As `sliding_windows`, but the first and last windows stay inside the tracklet and keep their outer margins.

    Every window is then one that training could have drawn. A tracklet shorter than a window repeats its last frame.
    """
    if frames <= window:
        frames_W = np.minimum(np.arange(window), frames - 1)
        return [Window(frames_W, slice(0, frames), 0)]
    margin = min(margin, (window - 1) // 2)
    plan, done = [], 0
    while done < frames:
        start = min(max(done - margin, 0), frames - window)
        end = frames if start + window >= frames else start + window - margin
        plan.append(Window(np.arange(start, start + window), slice(done - start, end - start), done))
        done = end
    return plan


def sliding_windows(frames: int, window: int, margin: int = MARGIN) -> list[Window]:
    """Windows whose kept middles tile 0..frames-1 once. Past the ends the first and last frame repeat.

    The released code pads with grey images; φ of a grey image is not in a lake, and its authors saw no difference to
    repeating the edge (docs/paper.md 5.3, #30). A margin that leaves nothing is cut down.
    """
    margin = min(margin, (window - 1) // 2)
    hop = window - 2 * margin
    plan = []
    for first in range(0, frames, hop):
        frames_W = np.clip(np.arange(first - margin, first - margin + window), 0, frames - 1)
        plan.append(Window(frames_W, slice(margin, margin + min(hop, frames - first)), first))
    return plan


def ending_windows(frames: int, window: int) -> list[Window]:
    """One window a frame that ends there: the future head then predicts a frame that the encoder cannot
    see. Before the tracklet's start the first frame repeats."""
    return [
        Window(np.clip(np.arange(t - window + 1, t + 1), 0, None), slice(window - 1, window), t) for t in range(frames)
    ]


def starting_windows(frames: int, window: int) -> list[Window]:
    """One window a frame that starts there: the same for the past head. Past the end the last frame repeats."""
    return [Window(np.clip(np.arange(t, t + window), None, frames - 1), slice(0, 1), t) for t in range(frames)]


def paper_windows(frames: int, window: int) -> list[Window]:
    """The released tester's: margins padded past both ends."""
    return sliding_windows(frames, window)


def predict_lake(
    model: Predictor | Checkpoint | str | Path, lake: Lake, ids: Sequence[str] | None = None, device: str = "cpu",
    *, windows: Windows = inner_windows,
) -> dict[str, Prediction]:  # fmt: skip
    """Predict every tracklet of `ids` (None: all) that has the checkpoint's φ, by id. BadCheckpointError if `model` is
    an unfit checkpoint; `device` is for one that is loaded here. φ is read in one pass, a few tracklets at a time.

    Warns of tracklets whose frame rate lies outside what training took: Δ and motion mean something else there.
    """
    predictor = model if isinstance(model, Predictor) else Predictor(_loaded(model), device)
    loaded, data = predictor.checkpoint, predictor.checkpoint.config.data
    among = None if ids is None else pa.array(list(ids), pa.string())
    predictions = {}
    for tracklet, phi_TD in scan(lake, data.phi_name, among):
        if phi_TD.shape[1] != loaded.phi_dim:
            raise ValueError(f"{tracklet.tracklet_id}: phi has {phi_TD.shape[1]} numbers, not {loaded.phi_dim}")
        if len(phi_TD) > 1 and not rate_fits(tracklet.fps, data):
            warnings.warn(f"{tracklet.tracklet_id}: {tracklet.fps:.3g} fps, trained on 20 to 30", stacklevel=2)
        predictions[tracklet.tracklet_id] = predictor.tracklet(tracklet.tracklet_id, phi_TD, windows)
    return dict(sorted(predictions.items()))


def _loaded(checkpoint: Checkpoint | str | Path) -> Checkpoint:
    return checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(checkpoint)


class Predictor:
    """A loaded network that predicts tracklets. `body` is the SMPL-format file; None is the one trained with."""

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu", body: str | None = None) -> None:
        self.checkpoint, self.device = checkpoint, device
        self.network: HMMR = checkpoint.network().to(device)
        self.body = KeypointModel.load(body or checkpoint.config.body)
        """On the CPU, for what is done with predictions afterwards."""
        self.keypoints = self.body if device == "cpu" else deepcopy(self.body).to(device)

    @torch.inference_mode()
    def heads(self, phi_BWD: NDArray[np.float16]) -> dict[Head, dict[str, Floats]]:
        """Every head's rotations, betas, keypoints_3d (and camera, for the current ones) for windows of φ."""
        parts: list[dict[Head, dict[str, Floats]]] = []
        for start in range(0, len(phi_BWD), WINDOWS_AT_ONCE):
            phi = torch.from_numpy(phi_BWD[start : start + WINDOWS_AT_ONCE]).to(self.device)
            _, guesses = self.network(phi)
            points = body_keypoints(guesses, self.keypoints)
            parts.append({head: _arrays(guess, points[head]) for head, guess in guesses.items()})
        return {h: {n: np.concatenate([p[h][n] for p in parts]) for n in parts[0][h]} for h in parts[0]}

    def tracklet(self, tracklet_id: str, phi_TD: NDArray[np.float16], windows: Windows = inner_windows) -> Prediction:
        """All frames of one tracklet, however short: one frame is a photograph that stands still for a window."""
        if not len(phi_TD):
            raise ValueError(f"{tracklet_id}: has no frame")
        plan = windows(len(phi_TD), self.checkpoint.config.data.window)
        return join_windows(tracklet_id, self.heads(np.stack([phi_TD[window.frames_W] for window in plan])), plan)


def join_windows(tracklet_id: str, heads: Mapping[Head, Mapping[str, Floats]], plan: Sequence[Window]) -> Prediction:
    """One prediction from the answers of `Predictor.heads` for the plan: of each window the frames it keeps."""
    tiled = {head: {name: _tile(values, plan) for name, values in arrays.items()} for head, arrays in heads.items()}
    return _prediction(tracklet_id, tiled)


def _arrays(guess: BodyGuess, points: torch.Tensor) -> dict[str, Floats]:
    arrays = {"rotations": guess.rotations_BTJ33, "betas": guess.betas_BTK, "keypoints_3d": points}
    if guess.camera_BT3 is not None:
        arrays["camera"] = guess.camera_BT3
    return {name: value.float().cpu().numpy() for name, value in arrays.items()}


def _tile(values: Floats, plan: Sequence[Window]) -> Floats:
    return np.concatenate([values[i, window.kept] for i, window in enumerate(plan)])


def _prediction(tracklet_id: str, heads: dict[Head, dict[str, Floats]]) -> Prediction:
    now = heads[NOW]
    poses = {head: Pose(arrays["rotations"], arrays["keypoints_3d"]) for head, arrays in heads.items()}

    def pose(hallucinated: bool, sign: int) -> Pose | None:
        return next((p for head, p in poses.items() if head.hallucinated == hallucinated and _sign(head) == sign), None)

    return Prediction(
        tracklet_id=tracklet_id, rotations=now["rotations"], betas=now["betas"], camera=now["camera"],
        keypoints_3d=now["keypoints_3d"], past=pose(False, -1), future=pose(False, 1), hallucinated=pose(True, 0),
        hallucinated_past=pose(True, -1), hallucinated_future=pose(True, 1),
    )  # fmt: skip


def _sign(head: Head) -> int:
    return (head.delta > 0) - (head.delta < 0)
