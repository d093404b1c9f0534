import io
import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hmmr_model.checkpoint import (
    MODEL_FORMAT,
    RELEASED,
    BadCheckpointError,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
    write_torch,
)
from hmmr_model.configs import TrainConfig, to_json
from hmmr_model.network import HMMR


@pytest.fixture
def checkpoint(small_config: TrainConfig) -> Checkpoint:
    torch.manual_seed(0)
    return Checkpoint(small_config, 48, "open24", 12, "abc", HMMR(small_config.model, 48).state_dict())


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_weights_stored_in_half_precision_come_back_as_single(tmp_path: Path) -> None:
    """The released model is stored so; a network of float16 would compute in it, and slowly."""
    whole = load_checkpoint(RELEASED)
    assert {value.dtype for value in whole.weights.values()} == {torch.float32}
    assert RELEASED.stat().st_size < 20_000_000
    assert whole.config.prior_poses is None, "a path of the machine that made it is of no use elsewhere"
    assert whole.config.initial is None
    assert whole.config.data.phi_name == "blazepose_turned+turn"


def test_comes_back_and_predicts_the_same(tmp_path: Path, checkpoint: Checkpoint) -> None:
    save_checkpoint(tmp_path / "model.pt", checkpoint)
    loaded = load_checkpoint(tmp_path / "model.pt")
    assert replace(loaded, weights={}) == replace(checkpoint, weights={})
    phi = torch.randn(1, 20, 48)
    _, ours = checkpoint.network()(phi)
    _, theirs = loaded.network()(phi)
    assert all(torch.equal(ours[h].rotations_BTJ33, theirs[h].rotations_BTJ33) for h in ours)


def test_absent(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpointError, match=r"nowhere.pt: no such file"):
        load_checkpoint(tmp_path / "nowhere.pt")


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.999])
def test_truncated(tmp_path: Path, checkpoint: Checkpoint, kept: float) -> None:
    path = tmp_path / "model.pt"
    save_checkpoint(path, checkpoint)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept if kept >= 1 else kept * len(whole))])
    with pytest.raises(BadCheckpointError, match=r"model.pt: is (damaged|not a checkpoint)"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "content", [b"a text file", b"PK\x03\x04 but no archive", pickle.dumps({"format": MODEL_FORMAT})]
)
def test_foreign(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(BadCheckpointError, match=r"model.pt"):
        load_checkpoint(path)


def test_another_programs_torch_file(tmp_path: Path) -> None:
    path = tmp_path / "theirs.pt"
    torch.save({"model": torch.zeros(3), "format": "theirs"}, path)
    with pytest.raises(BadCheckpointError, match=r"theirs.pt: is not a hmmr-model/1 file .*theirs"):
        load_checkpoint(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path: Path, zipped: bool) -> None:
    path, trap = tmp_path / "evil.pt", tmp_path / "trap"
    buffer = io.BytesIO()
    torch.save({"format": MODEL_FORMAT, "weights": _Bomb(trap)}, buffer, _use_new_zipfile_serialization=zipped)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(BadCheckpointError, match=r"evil.pt: holds Python objects"):
        load_checkpoint(path)
    assert not trap.exists()


def _content(checkpoint: Checkpoint) -> dict[str, object]:
    return {
        "config": to_json(checkpoint.config), "phi_dim": 48, "body": "open24", "step": 1, "snapshot": "",
        "weights": dict(checkpoint.weights),
    }  # fmt: skip


def test_content_that_does_not_fit_is_refused(tmp_path: Path, checkpoint: Checkpoint) -> None:
    path, good = tmp_path / "odd.pt", _content(checkpoint)
    wrong_width = json.loads(str(good["config"]))
    wrong_width["model"]["width"] = 64
    huge = json.loads(str(good["config"]))
    huge["model"]["width"] = 10_000_000
    nan = checkpoint.weights | {"mean": torch.full_like(checkpoint.weights["mean"], float("nan"))}
    bad = [
        ({"config": json.dumps(wrong_width)}, "do not fit"), ({"config": json.dumps(huge)}, "absurd|not fit"),
        ({"config": "{}"}, "fields differ"), ({"phi_dim": "48"}, "phi_dim is str"), ({"weights": nan}, "not finite"),
        ({"weights": {}}, "do not fit"), ({"weights": {"mean": "text"}}, "wrong content"),
    ]  # fmt: skip
    for change, reason in bad:
        write_torch(path, MODEL_FORMAT, good | change)
        with pytest.raises(BadCheckpointError, match=reason):
            load_checkpoint(path)


@pytest.mark.parametrize("place", [0, 46])
def test_an_archive_with_a_damaged_list_of_files_is_named(tmp_path: Path, place: int) -> None:
    torch.save({"format": "hmmr-model/1"}, tmp_path / "model.pt")
    content = bytearray((tmp_path / "model.pt").read_bytes())
    listed = content.rindex(b"PK\x01\x02")  # the last entry of the central directory: its mark, then its name
    content[listed + place] ^= 0xF0
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(BadCheckpointError, match=r"model\.pt"):
        load_checkpoint(tmp_path / "model.pt")
