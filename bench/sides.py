"""Processes that do the same work over and over, each with the code of one checkout or one peer, and tell its cost.

    python bench/sides.py ROLE CLIP        (started by `Side`, in the folder of a checkout)

Roles: harvest (decode, shots, people, pose, tracks, filters, φ), bare (the same without φ), networks (nothing but the
network calls that this harvest made, on decoded frames), plain (as peers write it: detect every frame, pose and φ of
each person). They use `bench/harvest_speed.py` of the checkout, so an older one answers with its own code.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
Cost = dict[str, float]
"""cpu_s, wall_s and frames of one run."""


class Side:
    """One side of a comparison: a process that is loaded and warm. As a context it ends with the block."""

    def __init__(self, *arguments: str, python: str = sys.executable, checkout: Path = ROOT) -> None:
        self._arguments = [python, *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOG_minloglevel": "3", "PYTHONPATH": str(checkout)}
        self._process = subprocess.Popen(
            self._arguments, env=environment, cwd=checkout, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    @classmethod
    def of_checkout(cls, role: str, clip: Path, checkout: Path = ROOT) -> "Side":
        """A role of the code in `checkout`."""
        return cls(str(Path(__file__).resolve()), role, str(clip.resolve()), checkout=checkout)

    def once(self) -> dict[str, Any]:
        """The cost of one more run. RuntimeError with its last words if the process ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self._process.stdout.readline()
        if not answer:
            assert self._process.stderr is not None
            raise RuntimeError(f"{' '.join(self._arguments)} ended: {self._process.stderr.read()[-800:]}")
        return dict(json.loads(answer))

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def costs(sides: dict[str, Side], rounds: int) -> dict[str, list[float]]:
    """CPU milliseconds a frame of each side, round by round, all sides in turn."""
    measured: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            cost = side.once()
            measured[name].append(1000 * cost["cpu_s"] / cost["frames"])
    return measured


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Of each round."""
    return [a / b for a, b in zip(above, below, strict=True)]


def _work(role: str, clip: Path) -> tuple[Callable[[], object], int]:
    """The function that is measured, and how many frames it does."""
    spec = importlib.util.spec_from_file_location("harvest_speed", Path("bench/harvest_speed.py"))
    assert spec is not None
    assert spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(code)
    config = code.HarvestConfig()
    backend = code.make_backend(config)
    (phi,) = code.make_phis(["keypoints"] if role == "bare" else config.phis)
    recorder = code.Recorder(backend, phi)
    frames = code.label(clip, recorder, [recorder])
    if role == "networks":
        return lambda: [call() for call in recorder.calls], frames
    if role == "plain":
        return lambda: code.plain_loop(clip, backend, phi), frames
    return lambda: code.label(clip, backend, [phi]), frames


def main() -> None:
    """For each line on stdin one run, and its cost as JSON on stdout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=["harvest", "bare", "networks", "plain"])
    parser.add_argument("clip", type=Path)
    given = parser.parse_args()
    work, frames = _work(given.role, given.clip)
    work()
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), os.times()
        work()
        spent = sum(os.times()[:4]) - sum(cpu[:4])
        print(json.dumps({"cpu_s": spent, "wall_s": time.perf_counter() - wall, "frames": frames}), flush=True)


if __name__ == "__main__":
    main()
