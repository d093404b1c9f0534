"""Prediction from tracklets of a lake: sliding windows through the network, heads to arrays.

B windows, W frames of a window, T frames of a tracklet, D numbers of φ.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from body.keypoints import KeypointModel
from hmmr_model.checkpoint import Checkpoint, load_checkpoint
from hmmr_model.lake_tracks import rate_fits
from hmmr_model.network import HMMR, BodyGuess, Head
from hmmr_model.objective import NOW, body_keypoints
from hmmr_model.prediction import Floats, Pose, Prediction
from hmmr_model.windows import Window, inner_windows, sliding_windows
from storage.lake import Lake
from storage.windows import scan

WINDOWS_AT_ONCE = 64
Windows = Callable[[int, int], list[Window]]


class Predictor:
    """A network ready to be asked about tracklets. `body` is the SMPL-format file; None is the one trained with."""

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
        return joined(tracklet_id, self.heads(np.stack([phi_TD[window.frames_W] for window in plan])), plan)


def joined(tracklet_id: str, heads: Mapping[Head, Mapping[str, Floats]], plan: Sequence[Window]) -> Prediction:
    """What `Predictor.heads` said of the plan's windows, put together from the frames that each window keeps."""
    tiled = {head: {name: _tile(values, plan) for name, values in said.items()} for head, said in heads.items()}
    return _prediction(tracklet_id, tiled)


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
    found = {}
    for tracklet, phi_TD in scan(lake, data.phi_name, among):
        if phi_TD.shape[1] != loaded.phi_dim:
            raise ValueError(f"{tracklet.tracklet_id}: phi has {phi_TD.shape[1]} numbers, not {loaded.phi_dim}")
        if len(phi_TD) > 1 and not rate_fits(tracklet.fps, data):
            warnings.warn(f"{tracklet.tracklet_id}: {tracklet.fps:.3g} fps, trained on 20 to 30", stacklevel=2)
        found[tracklet.tracklet_id] = predictor.tracklet(tracklet.tracklet_id, phi_TD, windows)
    return dict(sorted(found.items()))


def _loaded(checkpoint: Checkpoint | str | Path) -> Checkpoint:
    return checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(checkpoint)


def paper_windows(frames: int, window: int) -> list[Window]:
    """The released tester's: margins padded past both ends."""
    return sliding_windows(frames, window)


def _arrays(guess: BodyGuess, points: torch.Tensor) -> dict[str, Floats]:
    said = {"rotations": guess.rotations_BTJ33, "betas": guess.betas_BTK, "keypoints_3d": points}
    if guess.camera_BT3 is not None:
        said["camera"] = guess.camera_BT3
    return {name: value.float().cpu().numpy() for name, value in said.items()}


def _tile(values: Floats, plan: Sequence[Window]) -> Floats:
    return np.concatenate([values[i, window.kept] for i, window in enumerate(plan)])


def _prediction(tracklet_id: str, heads: dict[Head, dict[str, Floats]]) -> Prediction:
    now = heads[NOW]
    poses = {head: Pose(said["rotations"], said["keypoints_3d"]) for head, said in heads.items()}

    def pose(hallucinated: bool, sign: int) -> Pose | None:
        return next((p for head, p in poses.items() if head.hallucinated == hallucinated and _sign(head) == sign), None)

    return Prediction(
        tracklet_id, now["rotations"], now["betas"], now["camera"], now["keypoints_3d"],
        past=pose(False, -1), future=pose(False, 1), hallucinated=pose(True, 0),
        hallucinated_past=pose(True, -1), hallucinated_future=pose(True, 1),
    )  # fmt: skip


def _sign(head: Head) -> int:
    return (head.delta > 0) - (head.delta < 0)
