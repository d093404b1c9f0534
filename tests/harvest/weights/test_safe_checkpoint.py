"""Checkpoints from strangers: tensors come out, nothing runs."""

import collections
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from harvest.weights.safe_checkpoint import CheckpointError, fill, load_state_dict

WEIGHTS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2])}


class Trap:
    """Writes a file when it is unpickled by pickle."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.place}",)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrap", [None, "state_dict", "model"])
def test_tensors_come_out_of_any_wrapping(tmp_path: Path, zipped: bool, wrap: str | None) -> None:
    tensors = collections.OrderedDict((f"module.{name}", value) for name, value in WEIGHTS.items())
    content = {wrap: tensors, "epoch": 3} if wrap else tensors
    torch.save(content, tmp_path / "net.pth", _use_new_zipfile_serialization=zipped)
    found = load_state_dict(tmp_path / "net.pth")
    assert found.keys() == WEIGHTS.keys()
    for name, value in WEIGHTS.items():
        assert torch.equal(found[name], value)


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_that_the_file_names_is_run(tmp_path: Path, zipped: bool) -> None:
    trap = tmp_path / "trapped"
    content = {"meta": [Trap(trap), np.float64(3), np.ones(3)], "best": Trap(trap), "state_dict": WEIGHTS}
    torch.save(content, tmp_path / "net.pth", _use_new_zipfile_serialization=zipped)
    found = load_state_dict(tmp_path / "net.pth")
    assert torch.equal(found["a"], WEIGHTS["a"])
    assert not trap.exists()
    torch.load(tmp_path / "net.pth", weights_only=False)
    assert trap.exists(), "the trap does not work, so this test shows nothing"


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 not a zip", b"\x80\x02cposix\nsystem\n."])
def test_other_files_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"net\.pth: not a PyTorch checkpoint"):
        load_state_dict(tmp_path / "net.pth")


def test_missing_and_empty(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_state_dict(tmp_path / "none.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="holds no tensors"):
        load_state_dict(tmp_path / "list.pth")


def test_fill_is_one_to_one() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    good = {name: torch.ones_like(value) for name, value in module.state_dict().items()}
    del good["1.num_batches_tracked"]
    fill(module, good, Path("x.pth"), "a net")
    assert torch.equal(module[0].weight, torch.ones(3, 2))
    for bad, said in [
        ({k: v for k, v in good.items() if k != "0.bias"}, r"lacks 1 tensors \(0\.bias"),
        ({**good, "extra": torch.ones(1)}, r"has 1 tensors \(extra"),
        ({**good, "0.bias": torch.ones(4)}, r"1 tensors \(0\.bias, \.\.\.\) of another shape"),
    ]:
        with pytest.raises(CheckpointError, match=said):
            fill(module, bad, Path("x.pth"), "a net")
