"""Checkpoints on disk. A stranger's file is the normal case: nothing in it is ever run.

Two kinds, told apart by their format id: the model to predict with (`model.pt`), and the whole state of a training
run to go on from (`state.pt`). Both are torch files of plain tensors, numbers and strings.
"""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hmmr_model.configs import BadConfigError, TrainConfig, from_json, to_json
from hmmr_model.network import HMMR
from storage.atomic import write_atomically

MODEL_FORMAT = "hmmr-model/1"
STATE_FORMAT = "hmmr-training-state/1"
RELEASED = Path(__file__).parent / "released.pt"
"""The model that comes with the package (docs/model_card.md); scripts/make_released_model.py makes it."""
MAX_PARAMETERS = 2_000_000_000
"""A configuration that asks for more is no model of ours, and building it would fill the memory."""


class BadCheckpointError(ValueError):
    """A file that cannot be used; the message names it and says why."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


@dataclass(frozen=True)
class Checkpoint:
    """A trained network and what it needs to be used: its configuration, φ's name and size, the body's name."""

    config: TrainConfig
    phi_dim: int
    body: str
    step: int
    snapshot: str | None
    """Digest of the pseudo-labelled data."""
    weights: dict[str, Tensor]

    def network(self) -> HMMR:
        """The network, in evaluation mode."""
        model = self.untrained()
        model.load_state_dict(self.weights)
        return model.eval()

    def untrained(self) -> HMMR:
        """A network of this shape with random weights."""
        return HMMR(self.config.model, self.phi_dim, self.config.data.turned)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a model file, whole or not at all."""
    write_torch(path, MODEL_FORMAT, {
        "config": to_json(checkpoint.config), "phi_dim": checkpoint.phi_dim, "body": checkpoint.body,
        "step": checkpoint.step, "snapshot": checkpoint.snapshot or "", "weights": checkpoint.weights,
    })  # fmt: skip


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a model file. Raises BadCheckpointError if it is absent, truncated, foreign, or would run code."""
    path = Path(path)
    raw = read_torch(path, MODEL_FORMAT)
    try:
        checkpoint = Checkpoint(
            config=from_json(_typed(raw, "config", str)), phi_dim=_typed(raw, "phi_dim", int),
            body=_typed(raw, "body", str), step=_typed(raw, "step", int),
            snapshot=_typed(raw, "snapshot", str) or None, weights=_single_precision(_typed(raw, "weights", dict)),
        )  # fmt: skip
        _check_weights(checkpoint)
    except (BadConfigError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadCheckpointError(path, f"has the wrong content: {error}") from error
    return checkpoint


def checkpoint_file(name: str | Path) -> Path:
    """The file that `name` means: `released` is the model that comes with the package, all else is a path."""
    return RELEASED if str(name) == "released" else Path(name)


def write_torch(path: Path, format_id: str, content: dict[str, Any]) -> None:
    """Write tensors, numbers and strings under a format id, by a temporary file and a rename."""
    buffer = io.BytesIO()
    torch.save({"format": format_id, **content}, buffer)
    write_atomically(path, buffer.getvalue())


def read_torch(path: Path, format_id: str) -> dict[str, Any]:
    """Read such a file without ever running anything in it. Raises BadCheckpointError with the reason."""
    if path.is_dir():
        inner = path / "model.pt"
        raise BadCheckpointError(path, f"is a folder; name the file{f': {inner}' if inner.is_file() else ''}")
    if not path.is_file():
        raise BadCheckpointError(path, "no such file; `hmmr train` writes OUT/model.pt")
    try:
        raw = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds here, and each means the same to the caller
        raise BadCheckpointError(path, _why(path, error)) from error
    if not isinstance(raw, dict) or raw.get("format") != format_id:
        format_found = raw.get("format", "no format id") if isinstance(raw, dict) else type(raw).__name__
        hint = f"; the model is {path.with_name('model.pt')}" if format_found == STATE_FORMAT else ""
        raise BadCheckpointError(path, f"is not a {format_id} file of this program (found: {format_found}){hint}")
    return raw


def _why(path: Path, error: Exception) -> str:
    if "GLOBAL" in str(error):  # torch's name for a function or class that a pickle wants called
        return "holds Python objects besides tensors and may run code when loaded: refused"
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except Exception:  # its list of files is damaged, which zipfile says in several kinds of error
            return "is damaged or truncated: copy it again"
        if not any(name.endswith("/data.pkl") for name in names):
            return "is a NumPy or zip archive and no checkpoint; `hmmr train` writes OUT/model.pt"
    if path.read_bytes()[:2] == b"PK":
        return "is damaged or truncated: copy it again"
    return "is not a checkpoint of this program"


def _typed(raw: dict[str, Any], name: str, kind: type) -> Any:
    if not isinstance(raw.get(name), kind):
        raise TypeError(f"{name} is {type(raw.get(name)).__name__}, wanted {kind.__name__}")
    return raw[name]


def _single_precision(weights: dict[str, Any]) -> dict[str, Any]:
    """Weights that were stored as float16 to save space, as float32, in which the network computes."""
    return {
        name: value.float() if isinstance(value, Tensor) and value.dtype == torch.float16 else value
        for name, value in weights.items()
    }


def _check_weights(checkpoint: Checkpoint) -> None:
    """Names and shapes must be those that the configuration gives, found without allocating a single weight."""
    if not all(isinstance(value, Tensor) for value in checkpoint.weights.values()):
        raise ValueError("weights hold something besides tensors")
    with torch.device("meta"):
        expected = checkpoint.untrained().state_dict()
    if sum(t.numel() for t in expected.values()) > MAX_PARAMETERS:
        raise ValueError("the configuration asks for an absurd size")
    if {k: v.shape for k, v in expected.items()} != {k: v.shape for k, v in checkpoint.weights.items()}:
        raise ValueError("weights do not fit the configuration")
    if not all(bool(v.isfinite().all()) for v in checkpoint.weights.values()):
        raise ValueError("weights are not finite")
