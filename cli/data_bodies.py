"""A user's SMPL files by gender, and the 25 keypoints that they give for a labelled motion."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from body.keypoints import KeypointModel
from body.smpl_file import BodyArrays, read_body
from evaluation.errors import EvaluationError
from evaluation.sequence import BenchmarkSequence


def body_file(folder: Path, name: str) -> Path:
    """SMPL_MALE.npz or .pkl for smpl_male, and so on; EvaluationError names what is missing."""
    stem = folder / f"SMPL_{name.removeprefix('smpl_').upper()}"
    found = [path for path in (stem.with_suffix(".npz"), stem.with_suffix(".pkl")) if path.is_file()]
    if not found:
        raise EvaluationError(f"no {stem.name}.npz or .pkl in {folder}")
    return found[0]


class BodyKeypoints:
    """Keypoints (T, 25, 3) m in the camera frame from the labelled, gendered body.

    The regressor of 25 points is the one in SMPL_NEUTRAL (HMMR's neutral_smpl_with_cocoplustoesankles_reg.pkl under
    that name); the gendered files of the SMPL site have none, and share its vertices.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._regressor = read_body(body_file(folder, "smpl_neutral")).keypoint_regressor
        if self._regressor is None:
            raise EvaluationError(f"SMPL_NEUTRAL in {folder} has no keypoint regressor: use the file of HMMR's release")
        self._models: dict[str, KeypointModel] = {}

    def __call__(self, sequence: BenchmarkSequence) -> NDArray[np.float64] | None:
        """None where the sequence has no body."""
        motion = sequence.body
        if motion is None:
            return None
        known = np.isfinite(motion.axis_angles).all((1, 2))
        turns = Rotation.from_rotvec(motion.axis_angles[known].reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
        shape = np.tile(motion.betas, (len(turns), 1))
        with torch.no_grad():
            points, _ = self._model(motion.name)(torch.as_tensor(turns).float(), torch.as_tensor(shape).float())
        result = np.full((len(sequence), 25, 3), np.nan)
        result[known] = points.numpy()
        return result if motion.translation is None else result + motion.translation[:, None]

    def _model(self, name: str) -> KeypointModel:
        if name not in self._models:
            arrays: BodyArrays = read_body(body_file(self._folder, name))
            self._models[name] = KeypointModel(arrays, self._regressor)
        return self._models[name]
