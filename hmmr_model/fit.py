"""The training loop over arrays: resume, save, stop on nonsense, tell how far it is."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hmmr_model.batch import Batch
from hmmr_model.checkpoint import (
    STATE_FORMAT,
    BadCheckpointError,
    Checkpoint,
    load_checkpoint,
    read_torch,
    save_checkpoint,
    write_torch,
)
from hmmr_model.config_json import to_json
from hmmr_model.configs import TrainConfig
from hmmr_model.data import TrainingSet
from hmmr_model.distributed import any_process, join_group, own_device
from hmmr_model.loader import Loader
from hmmr_model.objective import Keypoints
from hmmr_model.state import Curves, TrainingState
from hmmr_model.step import Stepper

Progress = Callable[[int, int, dict[str, float]], None]
"""Called with step, steps, and the weighted loss terms by name, every `log_every` steps."""


class TrainingDivergedError(RuntimeError):
    """The loss or its gradient left the finite numbers. `state_file` holds the run as it was before that step."""

    def __init__(self, step: int, tracklet_ids: tuple[str, ...], terms: dict[str, float], state_file: Path) -> None:
        self.step, self.tracklet_ids, self.state_file = step, tracklet_ids, state_file
        named = ", ".join(f"{name} {value:.4g}" for name, value in terms.items())
        super().__init__(
            f"training left the finite numbers at step {step} ({named}); tracklets of that batch: "
            f"{', '.join(sorted(set(tracklet_ids)))}; the weights from before are in {state_file}"
        )


@dataclass(frozen=True)
class TrainResult:
    """Where the model lies, how the terms went, and how long it took (this call's part of the run)."""

    checkpoint: Path
    curves: Curves
    steps: int
    seconds: float
    waited_share: float
    """Share of the loop's time spent waiting for data."""


def fit(
    config: TrainConfig, data: TrainingSet, keypoints: Keypoints, real_poses: Tensor, out: Path, *,
    snapshot: str | None = None, resume: bool = True, progress: Progress | None = None,
) -> TrainResult:  # fmt: skip
    """Train to `config.steps` and write OUT/model.pt. Goes on from OUT/state.pt if that is of the same run.

    Raises TrainingDivergedError, and BadCheckpointError if OUT holds another run's state.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    rank, world = join_group(config.device)
    state_file, model_file = out / "state.pt", out / "model.pt"
    key = run_key(config, data, snapshot, world)
    config = replace(config, device=own_device(config.device))
    state = _begin(config, data, state_file if resume else None, key)
    stepper = Stepper(config, state, keypoints, real_poses, rank)
    loader = Loader(data, range(state.step, config.steps), rank, world)
    began, latest = time.perf_counter(), dict[str, Tensor]()
    for step, batch in loader:
        result = stepper(to_device(batch, config.device))
        latest |= result.terms  # terms of auxiliary heads come every few steps only
        if any_process(result.diverged):
            terms = {name: float(value) for name, value in result.terms.items()}
            _save(state, state_file, key, rank)
            raise TrainingDivergedError(step, batch.tracklet_ids, terms, state_file)
        if state.step % config.log_every == 0 or state.step == config.steps:
            _log(state, latest, config.steps, progress)
        if state.step % config.save_every == 0:
            _save(state, state_file, key, rank)
    seconds = time.perf_counter() - began
    if rank == 0:
        weights = state.result_weights()
        save_checkpoint(model_file, Checkpoint(config, data.phi_dim, config.body_name, state.step, snapshot, weights))
    _save(state, state_file, key, rank)
    return TrainResult(model_file, state.curves, state.step, seconds, loader.waited_s / max(seconds, 1e-9))


def run_key(config: TrainConfig, data: TrainingSet, snapshot: str | None, world: int) -> str:
    """What must be equal for a state to be gone on from: configuration, data, and number of processes."""
    told = [
        to_json(replace(config, save_every=0, log_every=0, device="", threads=0)),
        snapshot or "",
        str(world),
        data.digest(),
    ]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def to_device(batch: Batch, device: str) -> Batch:
    """The batch on the device; no copy on the CPU."""
    held = {f.name: getattr(batch, f.name) for f in fields(batch)}
    moved: dict[str, Any] = {k: v.to(device, non_blocking=True) for k, v in held.items() if isinstance(v, Tensor)}
    return replace(batch, **moved)


def _begin(config: TrainConfig, data: TrainingSet, state_file: Path | None, key: str) -> TrainingState:
    state = TrainingState(config, data.phi_dim)
    if state_file is not None and state_file.exists():
        saved = read_torch(state_file, STATE_FORMAT)
        if saved.get("run_key") != key:
            raise BadCheckpointError(state_file, "is the state of a run with other settings or data: use another --out")
        state.load_state_dict(saved["state"])
        return state
    if config.model.standardise:
        state.network.input.fit(*(s.to(config.device) for s in data.phi_statistics()))
    if config.warm_start:
        _warm_start(state, config.warm_start)
    return state


def _warm_start(state: TrainingState, path: str) -> None:
    """Regressor and mean parameters of another run; Δ regressors stay as drawn (docs/paper.md 8.4)."""
    given = load_checkpoint(path).weights
    kept = {name: value for name, value in given.items() if name == "mean" or name.startswith("regressor.")}
    try:
        state.network.load_state_dict(kept, strict=False)
    except RuntimeError as error:
        raise BadCheckpointError(Path(path), f"its regressor does not fit this configuration: {error}") from error
    for mine, weight in zip(state.average, state.network.parameters(), strict=True):
        mine.copy_(weight.detach())


def _log(state: TrainingState, terms: dict[str, Tensor], steps: int, progress: Progress | None) -> None:
    values = {name: float(value) for name, value in terms.items()}
    state.record(values)
    if progress is not None:
        progress(state.step, steps, values)


def _save(state: TrainingState, state_file: Path, key: str, rank: int) -> None:
    if rank == 0:
        write_torch(state_file, STATE_FORMAT, {"run_key": key, "state": state.state_dict()})
