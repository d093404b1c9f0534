"""A training step against its matrix products alone, at the rate that this machine multiplies matrices with.

    python bench/training_claims.py [--rounds 3]

The products of a step (forward, backward, of the network and of the prior) are counted by torch's FlopCounterMode. The
rate is that of one product of 1,536 x 1,536 float32 matrices. The ratio is the time that the products would take at
that rate over the step's: 1 means that nothing but products costs anything. One thread, CPU seconds, rate and steps
in turn. Batches are noise of the preset's window and of 8 sequences: speed does not depend on what they show.
"""

import argparse
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

import torch  # noqa: E402
from claims import Claim  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402
from train import tracks  # noqa: E402

from body.keypoints import KeypointModel  # noqa: E402
from hmmr_model.configs import PRESETS  # noqa: E402
from hmmr_model.data import TrainingSet  # noqa: E402
from hmmr_model.step import Stepper, TrainingState  # noqa: E402

SIDE, PHI = 1536, {"paper": 2048, "open": 1152}
BATCH = 8


def gemm_rate() -> float:
    """Floating-point operations a CPU second, of the fastest of three products."""
    a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    torch.mm(a, b)
    least = float("inf")
    for _ in range(3):
        began = time.process_time()
        torch.mm(a, b)
        least = min(least, time.process_time() - began)
    return 2 * SIDE**3 / least


class Steps:
    """Steps of one preset on noise."""

    def __init__(self, preset: str) -> None:
        config = PRESETS[preset]()
        config = replace(config, data=replace(config.data, batch=BATCH))
        data = TrainingSet(tracks(PHI[preset]), [], config.data, 0)
        self._batch: Any = data.batch(0, 0, 1)
        poses = torch.eye(3).expand(1000, 24, 3, 3)
        self._stepper = Stepper(config, TrainingState(config, data.phi_dim), KeypointModel.load(), poses, 0)
        for _ in range(3):
            self._stepper(self._batch)
        self.products = self._count(config.loss.auxiliary_every)
        self.every = config.loss.auxiliary_every

    def _count(self, steps: int) -> float:
        """Operations of the products of one step, on average over the steps in which auxiliary heads come once."""
        with FlopCounterMode(display=False) as counter:
            for _ in range(steps):
                self._stepper(self._batch)
        return float(counter.get_total_flops()) / steps

    def seconds(self) -> float:
        """CPU seconds of a step, on average over as many."""
        began = time.process_time()
        for _ in range(self.every):
            self._stepper(self._batch)
        return (time.process_time() - began) / self.every


def measure(given: argparse.Namespace, command: str) -> tuple[list[Claim], list[str]]:
    """One claim a preset."""
    torch.set_num_threads(1)
    claims = []
    for preset, wanted in (("paper", 0.6), ("open", 0.4)):
        steps = Steps(preset)
        rates, seconds = [], []
        for _ in range(given.rounds):
            rates.append(gemm_rate())
            seconds.append(steps.seconds())
        note = f"{1000 * min(seconds):.0f} ms a step, {steps.products / 1e9:.2f} Gflop, {max(rates) / 1e9:.0f} Gflop/s"
        ratios = [steps.products / rate / spent for rate, spent in zip(rates, seconds, strict=True)]
        window = statistics.median([steps._batch.phi_BTD.shape[1]])
        claims.append(Claim(
            f"`{preset}`, B {BATCH} x T {window:.0f}: products alone over the step", f"at least {wanted:g}", ratios,
            command, at_least=wanted, note=note,
        ))  # fmt: skip
    return claims, []


if __name__ == "__main__":
    from performance import run_part

    run_part("training", __doc__, measure)
