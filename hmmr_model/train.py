"""Training, from lakes to OUT/model.pt: the data, the loop over steps, saving, resuming, stopping on nonsense.

`train` reads lakes; `fit` is the same over arrays in memory.
"""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from body.keypoints import KeypointModel
from hmmr_model.checkpoint import (
    STATE_FORMAT,
    BadCheckpointError,
    Checkpoint,
    checkpoint_file,
    load_checkpoint,
    read_torch,
    save_checkpoint,
    write_torch,
)
from hmmr_model.configs import TrainConfig, to_json
from hmmr_model.data import Batch, Loader, TrainingSet
from hmmr_model.devices import Group, join_group
from hmmr_model.prior import labelled_poses, read_prior_poses
from hmmr_model.step import Curves, Stepper, StepResult, TrainingState
from hmmr_model.tracks import NoTrainingDataError, Track, read_round_tracks, read_tracks, store_tracks
from storage.lake import Lake, LakeReader
from storage.layout import WINDOWS_VARIABLE
from storage.snapshot import select
from storage.windows import WindowStore

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
    """Path of the model, curves of the loss terms, and duration of this call's part of the run."""

    checkpoint: Path
    curves: Curves
    steps: int
    seconds: float
    waited_share: float
    """Share of the loop's time spent waiting for data."""


def train(
    config: TrainConfig, pseudo: LakeReader | None, labelled: Sequence[LakeReader], out: Path, *,
    tracklet_ids: Sequence[str] | None = None, labelled_ids: Sequence[str] | None = None, snapshot: str | None = None,
    prior_poses: NDArray[np.float32] | None = None, resume: bool = True, progress: Progress | None = None,
) -> TrainResult:  # fmt: skip
    """Train on `labelled` lakes' 3D and the pseudo-labelled tracklets `tracklet_ids` of `pseudo`; write OUT/model.pt.

    `tracklet_ids` None or empty means no added video: the second half of each batch is then the labelled lakes' own
    detected 2D. 3D comes only from `labelled`, and where `labelled_ids` is given only from those tracklets. A run in
    OUT that was cut off is resumed. `prior_poses` (N, 24, 3, 3) replaces `config.prior_poses`. `snapshot` is
    written into the checkpoint.
    Raises NoTrainingDataError, TrainingDivergedError, BadCheckpointError.
    """
    data = training_set(config, pseudo, labelled, tracklet_ids, labelled_ids, scratch=Path(out))
    result = fit(
        config, data, KeypointModel.load(config.body), _real_poses(config, data, prior_poses), Path(out),
        snapshot=snapshot, resume=resume, progress=progress,
    )  # fmt: skip
    if data.store is not None and not _is_kept(pseudo):
        data.store.delete()
    return result


def _is_kept(lake: LakeReader | None) -> bool:
    """Whether decoded frames stay after the training. Erase reaches those beside a local lake; of a lake on S3 a copy
    stays only where somebody named the folder."""
    return isinstance(lake, Lake) and (not lake.layout.remote or WINDOWS_VARIABLE in os.environ)


def training_set(
    config: TrainConfig, pseudo: LakeReader | None, labelled: Sequence[LakeReader], tracklet_ids: Sequence[str] | None,
    labelled_ids: Sequence[str] | None = None, *, scratch: Path | None = None,
) -> TrainingSet:  # fmt: skip
    """What `train` draws from; NoTrainingDataError names the lake that has nothing fit. Labelled tracks lie in memory,
    pseudo-labelled ones in files that the processes of this machine share (tracks.py `store_tracks`)."""
    held_out = config.data.held_out
    with_3d: list[Track] = []
    for lake in labelled:
        ids = select(lake).tracklet_ids
        ids_with_3d = ids if labelled_ids is None else sorted(set(ids) & set(labelled_ids))
        with_3d += read_tracks(lake, config.data, ids_with_3d, config.body_name, held_out)
    if not with_3d:
        raise NoTrainingDataError(_nothing("3D labels", [lake.root for lake in labelled], config))
    added: WindowStore | list[Track] = []
    if pseudo is not None and tracklet_ids:
        stored = store_tracks(pseudo, config.data, sorted(set(tracklet_ids)), held_out, scratch)
        if stored is None:
            raise NoTrainingDataError(_nothing("one of the ids asked for", [pseudo.root], config))
        added = stored
    return TrainingSet(with_3d, added, config.data, config.seed, _of_round(config, pseudo, tracklet_ids))


def _of_round(config: TrainConfig, pseudo: LakeReader | None, tracklet_ids: Sequence[str] | None) -> list[Track]:
    """The added tracklets with the 3D of the label round that the configuration names; none without one."""
    if not config.data.pseudo3d or pseudo is None or not tracklet_ids:
        return []
    tracks = read_round_tracks(pseudo, config.data, sorted(set(tracklet_ids)), config.body_name, config.data.held_out)
    if not tracks:
        words = f"3D of the label round {config.data.pseudo3d[:12]} (body {config.body_name})"
        raise NoTrainingDataError(_nothing(words, [pseudo.root], config))
    return tracks


def _real_poses(config: TrainConfig, data: TrainingSet, given: NDArray[np.float32] | None) -> torch.Tensor:
    if given is not None:
        return torch.from_numpy(np.ascontiguousarray(given, np.float32))
    if config.prior_poses:
        return read_prior_poses(config.prior_poses)
    if not config.loss.adversarial:
        return torch.eye(3).expand(1, 24, 3, 3)
    return labelled_poses(data)


def _nothing(what: str, where: Sequence[str], config: TrainConfig) -> str:
    data = config.data
    return (
        f"{', '.join(where) or 'no lake'}: no usable tracklet with {what}: wanted phi {data.phi_name}, "
        f"{data.window} frames or more, {data.min_fps:g} to {data.max_fps:g} frames a second, "
        f"no split of {', '.join(data.held_out)}"
    )


def fit(
    config: TrainConfig, data: TrainingSet, keypoints: KeypointModel, real_poses: Tensor, out: Path, *,
    snapshot: str | None = None, resume: bool = True, progress: Progress | None = None,
) -> TrainResult:  # fmt: skip
    """Train to `config.steps` and write OUT/model.pt. Resumes from OUT/state.pt if that is of the same run.

    Raises TrainingDivergedError, and BadCheckpointError if OUT holds another run's state.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    group = join_group(config.device)
    state_file, model_file = out / "state.pt", out / "model.pt"
    key = run_key(config, data, snapshot, group.world)
    config = replace(config, device=group.device)
    state = _begin(config, data, state_file if resume else None, key)
    group.wait()  # all have read the state before the first one writes
    stepper = Stepper(config, state, keypoints.to(config.device), real_poses, group)
    on_gpu = config.device.startswith("cuda")
    loader = Loader(data, range(state.step, config.steps), group.rank, group.world, pin=on_gpu)
    began, latest = time.perf_counter(), dict[str, Tensor]()
    for step, batch in loader:
        result = stepper(to_device(batch, config.device))
        latest |= result.terms  # terms of auxiliary heads come every few steps only
        if result.diverged:
            _save(state, state_file, key, group.rank)
            raise _diverged(group, step, batch, result, state_file)
        if state.step % config.log_every == 0 or state.step == config.steps:
            _log(state, latest, config.steps, progress if group.rank == 0 else None)
        if state.step % config.save_every == 0:
            _save(state, state_file, key, group.rank)
    seconds = time.perf_counter() - began
    if group.rank == 0:
        weights = state.result_weights()
        save_checkpoint(model_file, Checkpoint(config, data.phi_dim, config.body_name, state.step, snapshot, weights))
    _save(state, state_file, key, group.rank)
    return TrainResult(model_file, state.curves, state.step, seconds, loader.waited_s / max(seconds, 1e-9))


def _diverged(group: Group, step: int, batch: Batch, result: StepResult, state_file: Path) -> TrainingDivergedError:
    """The same error in every process: of those whose own loss is nonsense, or of all where only a gradient is."""
    terms = {name: float(value) for name, value in result.terms.items()}
    of_ranks = group.gather((result.exploded, batch.tracklet_ids, terms))
    guilty = [rank for rank in of_ranks if rank[0]] or of_ranks
    tracklet_ids = tuple(tracklet_id for _, ids, _ in guilty for tracklet_id in ids)
    return TrainingDivergedError(step, tracklet_ids, guilty[0][2], state_file)


def run_key(config: TrainConfig, data: TrainingSet, snapshot: str | None, world: int) -> str:
    """A saved state is resumed only if this is equal: a hash of configuration, data and number of processes."""
    parts = [
        to_json(replace(config, save_every=0, log_every=0, device="", threads=0)),
        snapshot or "",
        str(world),
        data.digest(),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


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
        dim = len(state.network.input.mean_D)  # without the turn, which the network takes as it is
        state.network.input.fit(*(s[:dim].to(config.device) for s in data.phi_statistics()))
    if config.initial:
        _load_initial(state, checkpoint_file(config.initial))
    if config.warm_start:
        _warm_start(state, config.warm_start)
    return state


def _load_initial(state: TrainingState, path: Path) -> None:
    """All weights, and the statistics of φ that they were trained with."""
    try:
        state.network.load_state_dict(load_checkpoint(path).weights)
    except RuntimeError as error:
        raise BadCheckpointError(path, f"its network does not fit this configuration: {error}") from error
    _restart_average(state)


def _warm_start(state: TrainingState, path: str) -> None:
    """Regressor and mean parameters of another run; Δ regressors stay as drawn (docs/paper.md 8.4)."""
    weights = load_checkpoint(path).weights
    regressor = {name: value for name, value in weights.items() if name == "mean" or name.startswith("regressor.")}
    try:
        state.network.load_state_dict(regressor, strict=False)
    except RuntimeError as error:
        raise BadCheckpointError(Path(path), f"its regressor does not fit this configuration: {error}") from error
    _restart_average(state)


def _restart_average(state: TrainingState) -> None:
    for average, weight in zip(state.average, state.network.parameters(), strict=True):
        average.copy_(weight.detach())


def _log(state: TrainingState, terms: dict[str, Tensor], steps: int, progress: Progress | None) -> None:
    values = {name: float(value) for name, value in terms.items()}
    state.record(values)
    if progress is not None:
        progress(state.step, steps, values)


def _save(state: TrainingState, state_file: Path, key: str, rank: int) -> None:
    if rank == 0:
        write_torch(state_file, STATE_FORMAT, {"run_key": key, "state": state.state_dict()})


def open_board(folder: Path) -> Callable[[int, dict[str, float]], None]:
    """A function of step and terms that writes them below `folder`. ModuleNotFoundError says what to install."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("TensorBoard is not installed: pip install tensorboard, or leave it out") from error
    writer = SummaryWriter(str(folder))  # type: ignore[no-untyped-call]

    def write(step: int, terms: dict[str, float]) -> None:
        for name, value in terms.items():
            writer.add_scalar(f"loss/{name}", value, step)  # type: ignore[no-untyped-call]
        writer.flush()  # type: ignore[no-untyped-call]

    return write
