import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from body.keypoints import KeypointModel
from hmmr_model.configs import TrainConfig
from hmmr_model.data import TrainingSet
from hmmr_model.devices import Group, NoSuchDeviceError, join_group, own_device
from hmmr_model.prior import labelled_poses
from hmmr_model.step import Stepper, TrainingState
from hmmr_model.tracks import Track

WORKER = """
import pickle, sys, torch
sys.path.insert(0, sys.argv[1])
from body.keypoints import KeypointModel
from hmmr_model.data import TrainingSet
from hmmr_model.devices import join_group
from hmmr_model.prior import labelled_poses
from hmmr_model.step import TrainingState
from hmmr_model.step import Stepper
config, labelled, pseudo = pickle.load(open(sys.argv[2], "rb"))
torch.set_num_threads(1)
group = join_group("cpu")
data = TrainingSet(labelled, pseudo, config.data, 0)
stepper = Stepper(config, TrainingState(config, data.phi_dim), KeypointModel.load(), labelled_poses(data), group)
stepper.body_gradients(data.batch(0, group.rank, group.world))
gradients = [p.grad for p in stepper.state.network.parameters()]
torch.save([gradients, group.any(group.rank == 1)], sys.argv[3] + str(group.rank))
"""


@pytest.mark.slow
def test_two_processes_give_the_gradients_of_one_with_the_doubled_batch(
    make_tracks: Callable[..., list[Track]], keypoint_model: KeypointModel, small_config: TrainConfig, tmp_path: Path
) -> None:
    """Uneven visibility on purpose: the mean of each process's own means would be off by per cents."""
    labelled, pseudo = make_tracks([30] * 6), make_tracks([30] * 7, 1, labelled=False)
    for i, track in enumerate(pseudo):
        track.keypoints_TJ3[:, : 3 * i, 2] = 0
        track.keypoints_TJ3[..., :2] += 0.1 * i
    config = replace(small_config, model=replace(small_config.model, dropout=0.0, input_dropout=0.0, frame_dropout=0.0))
    doubled = replace(config, data=replace(config.data, batch=2 * config.data.batch))
    data = TrainingSet(labelled, pseudo, doubled.data, 0)
    one = Group(0, 1, "cpu")
    alone = Stepper(doubled, TrainingState(doubled, data.phi_dim), keypoint_model, labelled_poses(data), one)
    alone.body_gradients(data.batch(0))
    (first, stopped), (second, also) = _two_processes((config, labelled, pseudo), tmp_path)
    assert stopped
    assert also
    for mine, a, b in zip(alone.state.network.parameters(), first, second, strict=True):
        assert torch.equal(a, b)
        assert mine.grad is not None
        assert (a - mine.grad).norm() <= 1e-4 * mine.grad.norm() + 1e-7


def _two_processes(given: tuple[object, ...], folder: Path) -> list[tuple[list[torch.Tensor], bool]]:
    (folder / "given").write_bytes(pickle.dumps(given))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-c", WORKER, root, str(folder / "given"), str(folder / "out")]
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    started = [subprocess.Popen(command, env=os.environ | group | {"RANK": str(rank)}) for rank in (0, 1)]
    assert [process.wait(120) for process in started] == [0, 0]
    return [torch.load(folder / f"out{rank}", weights_only=True) for rank in (0, 1)]


def test_alone_there_is_nothing_to_join_or_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    group = join_group("cpu")
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.tensor([1.0, 2.0])
    group.average_gradients([weight])
    assert group == Group(0, 1, "cpu")
    assert weight.grad.tolist() == [1.0, 2.0]
    assert (group.any(True), group.any(False), group.gather("x")) == (True, False, ["x"])


class SentError(Exception):
    """Holds the kind of device of the tensor that was to be sent."""


def test_what_is_sent_lies_on_the_processs_own_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """NCCL carries no CPU tensor. Torch's `meta` stands for a GPU: it is another device than the CPU everywhere."""

    def send(tensor: torch.Tensor, **_: object) -> None:
        raise SentError(tensor.device.type)

    monkeypatch.setattr(torch.distributed, "all_reduce", send)
    group = Group(0, 2, "meta")
    for message in (lambda: group.any(True), group.wait):
        with pytest.raises(SentError, match="meta"):
            message()
    weight = torch.nn.Parameter(torch.ones(2, device="meta"))
    weight.grad = torch.ones(2, device="meta")
    with pytest.raises(SentError, match="meta"):
        group.average_gradients([weight])


def test_several_processes_cannot_share_one_named_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(NoSuchDeviceError, match="cuda:1: several processes train on cpu, or on cuda"):
        join_group("cuda:1")


def test_each_process_takes_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert own_device("cuda") == "cuda:3"
    assert own_device("cuda:1") == "cuda:1"
    assert own_device("cpu") == "cpu"
