import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from body.keypoints import KeypointModel
from hmmr_model.checkpoint import BadCheckpointError, load_checkpoint
from hmmr_model.configs import TrainConfig
from hmmr_model.data import TrainingSet
from hmmr_model.predict import Predictor
from hmmr_model.prior import NoPriorPosesError, labelled_poses
from hmmr_model.tracks import NoTrainingDataError, Track, read_tracks, store_tracks
from hmmr_model.train import TrainingDivergedError, TrainResult, fit, open_board, train, training_set
from storage.example_rows import feature_row, source_name, tracklet_row
from storage.lake import Lake, MemoryLake
from storage.rewrite import compact
from storage.tables import rows_to_table

FRAMES = 24
MakeLake = Callable[..., Lake]


@pytest.fixture
def config(small_config: TrainConfig) -> TrainConfig:
    return replace(small_config, steps=3, data=replace(small_config.data, phi_name="keypoints"))


@pytest.fixture
def make_lake(tmp_path: Path) -> MakeLake:
    def make(name: str, sources: Sequence[int], labelled: bool = False) -> Lake:
        lake = Lake(tmp_path / name)
        rows = [tracklet_row(source_name(i), frames=FRAMES) for i in sources]
        lake.append("features", rows_to_table("features", [feature_row(row, dim=75) for row in rows]))
        if labelled:
            lake.append("labels3d", rows_to_table("labels3d", [_labels(row) for row in rows]))
        lake.append("tracklets", rows_to_table("tracklets", rows))
        return lake

    return make


def _labels(row: dict[str, object]) -> dict[str, object]:
    points = np.random.default_rng(5).normal(0, 0.3, (FRAMES, 75)).astype(np.float32)
    return {
        "tracklet_id": row["tracklet_id"], "source_id": row["source_id"], "truth_id": f"film/{row['source_id']}",
        "split": "labelled", "body": "open24", "valid": np.ones(FRAMES, bool), "keypoints_3d": points,
        "keypoints_2d": np.abs(points) * 300, "betas": np.zeros(10, np.float32),
        "rotations": np.tile(np.eye(3, dtype=np.float32).ravel(), (FRAMES, 24)),
        "translation": np.zeros((FRAMES, 3), np.float32),
    }  # fmt: skip


def _ids(sources: Sequence[int]) -> list[str]:
    return [tracklet_row(source_name(i), frames=FRAMES)["tracklet_id"] for i in sources]


def test_3d_comes_from_the_labelled_lakes_alone(make_lake: MakeLake, config: TrainConfig) -> None:
    """A harvested lake may carry the films' truth for the ceiling; as pseudo-labelled data it must not be seen."""
    labelled, harvested = make_lake("labelled", [0, 1], labelled=True), make_lake("lake", [2, 3, 4], labelled=True)
    semi = training_set(config, harvested, [labelled], _ids([2, 3]))
    assert semi.labelled.ids == sorted(_ids([0, 1]))
    assert semi.pseudo.ids == sorted(_ids([2, 3]))
    ceiling = training_set(config, harvested, [labelled, harvested], None)
    assert sorted(ceiling.labelled.ids) == sorted(_ids(range(5)))


def test_fewer_labelled_tracklets_when_asked(make_lake: MakeLake, config: TrainConfig) -> None:
    labelled, harvested = make_lake("labelled", [0, 1], labelled=True), make_lake("lake", [2, 3], labelled=True)
    fewer = training_set(config, harvested, [labelled], _ids([3]), _ids([1]))
    assert (fewer.labelled.ids, fewer.pseudo.ids) == (_ids([1]), _ids([3]))
    with pytest.raises(NoTrainingDataError):
        training_set(config, None, [labelled], None, [])


def test_writes_a_checkpoint_that_names_its_snapshot(make_lake: MakeLake, config: TrainConfig, tmp_path: Path) -> None:
    labelled, lake = make_lake("labelled", [0, 1], labelled=True), make_lake("lake", [2, 3])
    result = train(config, lake, [labelled], tmp_path / "out", tracklet_ids=_ids([2]), snapshot="digest")
    checkpoint = load_checkpoint(result.checkpoint)
    assert (checkpoint.snapshot, checkpoint.step, checkpoint.body, checkpoint.phi_dim) == ("digest", 3, "open24", 75)
    assert checkpoint.config == config


def test_a_harvest_into_the_same_lake_changes_nothing(make_lake: MakeLake, config: TrainConfig, tmp_path: Path) -> None:
    labelled, lake = make_lake("labelled", [0, 1], labelled=True), make_lake("lake", [2, 3, 4])
    before = train(config, lake, [labelled], tmp_path / "before", tracklet_ids=_ids([2, 3, 4]))

    def harvest_goes_on(step: int, steps: int, terms: dict[str, float]) -> None:
        make_lake("lake", [10 + step])

    make_lake("lake", [5, 6])
    after = train(
        config, lake, [labelled], tmp_path / "after", tracklet_ids=_ids([4, 3, 2, 2]), progress=harvest_goes_on
    )
    a, b = (load_checkpoint(result.checkpoint).weights for result in (before, after))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_poses_of_the_prior_can_be_given(make_lake: MakeLake, config: TrainConfig, tmp_path: Path) -> None:
    labelled = make_lake("labelled", [0, 1], labelled=True)
    poses = np.tile(np.eye(3, dtype=np.float32), (50, 24, 1, 1))
    given = train(config, None, [labelled], tmp_path / "given", prior_poses=-poses)
    own = train(config, None, [labelled], tmp_path / "own")
    assert given.curves["prior"] != own.curves["prior"]
    with pytest.raises(NoPriorPosesError, match="nowhere"):
        train(replace(config, prior_poses=str(tmp_path / "nowhere")), None, [labelled], tmp_path / "bad")


def test_nothing_usable_is_said_with_lake_and_wish(make_lake: MakeLake, config: TrainConfig) -> None:
    labelled, lake = make_lake("labelled", [0], labelled=True), make_lake("lake", [2])
    with pytest.raises(NoTrainingDataError, match="lake: no usable tracklet with 3D labels"):
        training_set(config, None, [lake], None)
    with pytest.raises(NoTrainingDataError, match="one of the ids asked for"):
        training_set(config, lake, [labelled], ["absent"])
    other = replace(config, data=replace(config.data, phi_name="resnet50"))
    with pytest.raises(NoTrainingDataError, match="wanted phi resnet50, 20 frames or more, 20 to 30 frames a second"):
        training_set(other, lake, [labelled], None)


@pytest.mark.parametrize("phi_name", ["keypoints", "keypoints+zero_shot"])
def test_windows_from_the_disk_train_as_those_in_memory(
    make_lake: MakeLake, config: TrainConfig, tmp_path: Path, phi_name: str
) -> None:
    """Bit for bit: batches, what may be drawn as a hash, mean and deviation, weights."""
    config = replace(config, data=replace(config.data, phi_name=phi_name, target_margin=5))
    labelled, lake = make_lake("labelled", [0, 1], labelled=True), make_lake("lake", range(2, 9), labelled=True)
    compact(lake, "features")
    ids = _ids([7, 3, 4, 2, 8])
    stored = training_set(config, lake, [labelled], ids)
    with_3d = read_tracks(labelled, config.data, None, config.body_name)
    held = TrainingSet(with_3d, read_tracks(lake, config.data, ids, None), config.data, config.seed)
    assert stored.pseudo.ids == held.pseudo.ids == sorted(ids)
    assert stored.digest() == held.digest()
    assert all(torch.equal(a, b) for a, b in zip(stored.phi_statistics(), held.phi_statistics(), strict=True))
    for step in range(4):
        a, b = stored.batch(step), held.batch(step)
        assert a.tracklet_ids == b.tracklet_ids
        assert all(
            torch.equal(getattr(a, name), getattr(b, name))
            for name in (field.name for field in fields(a))
            if name != "tracklet_ids"
        )
    kept_back = replace(config, data=replace(config.data, held_out=("labelled",)))
    with pytest.raises(NoTrainingDataError):
        training_set(kept_back, lake, [make_lake("other", [0, 1])], ids)


def test_the_next_start_and_other_processes_decode_and_hash_nothing_again(
    make_lake: MakeLake, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled, lake, ids = make_lake("labelled", [0], labelled=True), make_lake("lake", range(2, 6)), _ids(range(2, 6))
    first = training_set(config, lake, [labelled], ids)
    digest, (mean_D, deviation_D) = first.digest(), first.phi_statistics()

    def again(*_: object) -> None:
        raise AssertionError("done a second time")

    monkeypatch.setattr("storage.windows._write_arrays", again)
    for name in ("_digest", "_statistics"):
        monkeypatch.setattr(TrainingSet, name, again)
    second = training_set(config, lake, [labelled], ids)
    assert second.digest() == digest
    assert torch.equal(second.phi_statistics()[0], mean_D)
    assert torch.equal(second.phi_statistics()[1], deviation_D)


_KILLED = """
import os, signal, sys
from pathlib import Path
import hmmr_model.tracks as tracks
from hmmr_model.configs import DataConfig
from storage.lake import Lake, MemoryLake

class Killed(tracks.WindowStore):
    def __init__(self, folder):
        os.kill(os.getpid(), signal.SIGKILL)

tracks.WindowStore = Killed
lake = Lake(sys.argv[1])
held = MemoryLake("in memory", {name: lake.read(name) for name in ("tracklets", "features")})
tracks.store_tracks(held, DataConfig(phi_name="keypoints"), sys.argv[3:], scratch=Path(sys.argv[2]))
"""


def test_what_a_killed_run_left_goes_with_the_next(make_lake: MakeLake, config: TrainConfig, tmp_path: Path) -> None:
    """Frames of a lake in memory lie outside of the lake, where erase does not look; those of a run that still works
    stay."""
    lake, out, ids = make_lake("lake", range(3)), tmp_path / "out", _ids(range(3))
    held = MemoryLake("in memory", {name: lake.read(name) for name in ("tracklets", "features")})
    command = [sys.executable, "-c", _KILLED, lake.root, str(out), *ids]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert list(out.glob(".windows-*/*/phi"))
    working = out / f".windows-{socket.gethostname()}-{os.getpid()}-abc"
    working.mkdir()
    assert store_tracks(held, config.data, ids, scratch=out) is not None
    assert list(out.iterdir()) == [working]


MakeTracks = Callable[..., list[Track]]


class InterruptedRunError(Exception):
    """Stands in for a kill at a chosen step."""


@pytest.fixture
def run(make_tracks: MakeTracks, keypoint_model: KeypointModel) -> Callable[..., TrainResult]:
    labelled, pseudo = make_tracks([40] * 6), make_tracks([30] * 5, 1, labelled=False)

    def run(config: TrainConfig, out: Path, stop_at: int | None = None, **options: object) -> TrainResult:
        def progress(step: int, steps: int, terms: dict[str, float]) -> None:
            if step == stop_at:
                raise InterruptedRunError

        data = TrainingSet(labelled, pseudo, config.data, config.seed)
        return fit(config, data, keypoint_model, labelled_poses(data), out, progress=progress, **options)  # type: ignore[arg-type]

    return run


def _weights(result: TrainResult) -> dict[str, torch.Tensor]:
    return load_checkpoint(result.checkpoint).weights


def _equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return set(a) == set(b) and all(torch.equal(a[name], b[name]) for name in a)


def test_the_same_run_twice_gives_the_same_bits_and_another_seed_does_not(
    run: Callable[..., TrainResult], small_config: TrainConfig, tmp_path: Path
) -> None:
    first, second = run(small_config, tmp_path / "a"), run(small_config, tmp_path / "b")
    assert _equal(_weights(first), _weights(second))
    assert first.curves == second.curves
    assert not _equal(_weights(first), _weights(run(replace(small_config, seed=1), tmp_path / "c")))


@pytest.mark.parametrize("stop_at", [2, 6, 10])
def test_a_run_that_was_cut_ends_with_the_same_bits(
    run: Callable[..., TrainResult], small_config: TrainConfig, tmp_path: Path, stop_at: int
) -> None:
    whole = run(small_config, tmp_path / "whole")
    with pytest.raises(InterruptedRunError):
        run(small_config, tmp_path / "cut", stop_at)
    resumed = run(small_config, tmp_path / "cut")
    assert _equal(_weights(whole), _weights(resumed))
    assert resumed.curves == whole.curves


def test_a_finished_run_is_not_run_again(
    run: Callable[..., TrainResult], small_config: TrainConfig, tmp_path: Path
) -> None:
    first = run(small_config, tmp_path)
    again = run(small_config, tmp_path, stop_at=small_config.steps)  # would raise if a step were taken
    assert again.steps == first.steps
    assert again.curves == first.curves


def test_another_runs_state_is_refused_unless_begun_afresh(
    run: Callable[..., TrainResult], small_config: TrainConfig, tmp_path: Path
) -> None:
    run(small_config, tmp_path)
    other = replace(small_config, loss=replace(small_config.loss, betas=1.0))
    with pytest.raises(BadCheckpointError, match=r"state.pt: is the state of a run with other settings"):
        run(other, tmp_path)
    assert run(other, tmp_path, resume=False).steps == 12


def test_nonsense_in_the_data_stops_with_step_tracklets_and_the_weights_from_before(
    make_tracks: MakeTracks, keypoint_model: KeypointModel, small_config: TrainConfig, tmp_path: Path
) -> None:
    poisoned = make_tracks([40] * 8)
    poisoned[3].phi_TD[:] = np.nan
    config = replace(small_config, model=replace(small_config.model, standardise=False))
    data = TrainingSet(poisoned, [], config.data, 0)
    clean = next(step for step in range(99) if poisoned[3].tracklet_id in data.batch(step).tracklet_ids)
    with pytest.raises(TrainingDivergedError, match=poisoned[3].tracklet_id) as caught:
        fit(config, data, keypoint_model, labelled_poses(data), tmp_path)
    assert caught.value.step == clean
    saved = torch.load(caught.value.state_file, weights_only=True)["state"]
    assert saved["step"] == clean
    assert all(bool(value.isfinite().all()) for value in saved["network"].values())


def test_warm_start_takes_regressor_and_mean_and_nothing_else(
    run: Callable[..., TrainResult], small_config: TrainConfig, tmp_path: Path
) -> None:
    given = run(small_config, tmp_path / "given")
    started = run(replace(small_config, steps=0, warm_start=str(given.checkpoint)), tmp_path / "warm")
    cold = run(replace(small_config, steps=0), tmp_path / "cold")
    for name, value in _weights(started).items():
        source = given if name == "mean" or name.startswith("regressor.") else cold
        assert torch.equal(value, _weights(source)[name]), name


def test_fine_tuning_starts_from_all_weights_and_the_statistics_of_phi(
    run: Callable[..., TrainResult], small_config: TrainConfig, tmp_path: Path
) -> None:
    given = run(small_config, tmp_path / "given")
    started = run(replace(small_config, steps=0, seed=5, initial=str(given.checkpoint)), tmp_path / "tuned")
    assert all(torch.equal(value, _weights(given)[name]) for name, value in _weights(started).items())
    other = replace(small_config, steps=0, initial=str(given.checkpoint), model=replace(small_config.model, blocks=1))
    with pytest.raises(BadCheckpointError, match="does not fit this configuration"):
        run(other, tmp_path / "other")


def test_learns(
    make_tracks: MakeTracks, keypoint_model: KeypointModel, small_config: TrainConfig, tmp_path: Path
) -> None:
    """On held-out tracks whose φ holds the pose, 150 steps take a third off the untrained network's error."""
    model = replace(small_config.model, deltas=(), hallucinate=False, dropout=0.0)
    config = replace(small_config, steps=150, model=model)
    data, held_out = TrainingSet(make_tracks([60] * 20), [], config.data, 0), make_tracks([40] * 5, seed=9)

    def error(trained: Path) -> float:
        predictor = Predictor(load_checkpoint(trained))
        said = [predictor.tracklet(t.tracklet_id, t.phi_TD).keypoints_3d for t in held_out]
        truth = [t.labels.joints_TJ3 for t in held_out if t.labels is not None]
        return float(np.mean([np.linalg.norm(a - b, axis=-1).mean() for a, b in zip(said, truth, strict=True)]))

    untrained = fit(replace(config, steps=0), data, keypoint_model, labelled_poses(data), tmp_path / "untrained")
    trained = fit(config, data, keypoint_model, labelled_poses(data), tmp_path / "trained")
    assert error(trained.checkpoint) < 0.67 * error(untrained.checkpoint)


SCRIPT = """
import sys, importlib.util
from pathlib import Path
sys.path.insert(0, {root!r})
spec = importlib.util.spec_from_file_location("killed_run", {helper!r})
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
module.run(Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_killed_by_sigkill_at_any_moment_and_resumed_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    here = Path(__file__).resolve()
    script = SCRIPT.format(root=str(here.parents[2]), helper=str(here.with_name("killed_run.py")))

    def start(out: Path) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "-c", script, str(out)], env=os.environ | {"OMP_NUM_THREADS": "1"})

    assert start(tmp_path / "whole").wait(120) == 0
    killed = start(tmp_path / "killed")
    while not (tmp_path / "killed" / "state.pt").exists():
        time.sleep(0.01)
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(10) == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model.pt").exists()
    assert start(tmp_path / "killed").wait(120) == 0
    a, b = (load_checkpoint(tmp_path / name / "model.pt").weights for name in ("whole", "killed"))
    assert _equal(a, b)


def test_without_tensorboard_says_what_to_install_and_with_it_writes_events(tmp_path: Path) -> None:
    if importlib.util.find_spec("tensorboard") is None:
        with pytest.raises(ModuleNotFoundError, match="pip install tensorboard"):
            open_board(tmp_path)
        return
    open_board(tmp_path)(1, {"keypoints_2d": 2.0})
    assert list(tmp_path.glob("events*"))
