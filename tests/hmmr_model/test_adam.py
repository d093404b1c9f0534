"""Adam with a cosine rate equals torch's to the bit, and `predict` needs no compiler."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from hmmr_model.adam import minimise


def energy_of(point: Tensor, matrix: Tensor) -> Tensor:
    """Rosenbrock-like: no quadratic form, so that a wrong rate or moment shows."""
    return (matrix @ point).square().sum() + (point[1:] - point[:-1].square()).abs().sum()


@pytest.mark.parametrize("steps", [1, 2, 80])
def test_it_equals_torchs_adam_and_schedule_to_the_bit(steps: int) -> None:
    torch.manual_seed(0)
    matrix, start, other = torch.randn(9, 7), torch.randn(7), torch.randn(3)
    ours, ours_other = start.clone(), other.clone()
    minimise(lambda: energy_of(ours, matrix) + ours_other.exp().sum(), [ours, ours_other], 0.05, steps)
    theirs, theirs_other = start.clone().requires_grad_(), other.clone().requires_grad_()
    optimiser = torch.optim.Adam([theirs, theirs_other], 0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        (energy_of(theirs, matrix) + theirs_other.exp().sum()).backward()
        optimiser.step()
        schedule.step()
    assert torch.equal(ours, theirs.detach())
    assert torch.equal(ours_other, theirs_other.detach())
    assert not ours.requires_grad
    assert not torch.equal(ours, start)


def test_what_the_energy_does_not_depend_on_stays() -> None:
    used, unused = torch.ones(2), torch.ones(2)
    minimise(lambda: used.square().sum(), [used, unused], 0.1, 3)
    assert (used < 1).all()
    assert torch.equal(unused, torch.ones(2))


REFINED_PREDICTION = """
import sys, numpy as np
from hmmr_model.checkpoint import RELEASED, load_checkpoint
from hmmr_model.predict import Predictor
from hmmr_model.refine import RefineConfig, refine
from storage.tables import TrackletArrays
frames = 3
model = load_checkpoint(RELEASED)
predictor = Predictor(model, "cpu")
dim = model.phi_dim
rng = np.random.default_rng(0)
prediction = predictor.tracklet("t", rng.normal(size=(frames, dim)).astype(np.float16))
tracklet = TrackletArrays(
    tracklet_id="t", source_id="s", fps=25.0, frame_index=np.arange(frames, dtype=np.int32),
    pts=np.arange(frames, dtype=np.int64), boxes=np.tile(np.float32([0, 0, 100, 100]), (frames, 1)),
    keypoints=rng.uniform(0, 100, (frames, 25, 3)).astype(np.float32), observed=np.ones(frames, bool),
)
refine(prediction, tracklet, predictor.body, RefineConfig(steps=2))
slow = [name for name in ("torch._dynamo", "sympy") if name in sys.modules]
assert not slow, slow
"""


def test_a_refined_prediction_does_not_import_torchs_compiler() -> None:
    """It takes more than a second of the time to the first body."""
    subprocess.run([sys.executable, "-c", REFINED_PREDICTION], check=True)
