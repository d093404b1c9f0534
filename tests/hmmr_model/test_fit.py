import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from body.keypoints import KeypointModel
from hmmr_model.checkpoint import BadCheckpointError, load_checkpoint
from hmmr_model.configs import TrainConfig
from hmmr_model.data import TrainingSet
from hmmr_model.fit import TrainingDivergedError, TrainResult, fit
from hmmr_model.predict import Predictor
from hmmr_model.prior import labelled_poses
from hmmr_model.tracks import Track

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
