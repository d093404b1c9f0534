"""Which runtime runs the embedded networks fastest here? Prints the table that docs/LOG.md keeps.

    .venv/bin/python bench/backends.py            (about two minutes)

Each row is measured in a process of its own, since one runtime's waiting threads slow the next one down. Wall time
is the best of all runs, CPU time that of all threads: on a busy machine trust the CPU time.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harvest.weights import files as weights

SECONDS = 2.5


@dataclass(frozen=True)
class Case:
    """One row: which network in which runtime, on how many threads and crops at once."""

    what: str
    threads: int = 1
    batch: int = 1

    @property
    def runner(self) -> str:
        """The word before the colon: whose session runs it."""
        return self.what.split(":")[0]


LANDMARKS = [
    "litert: as shipped",
    "litert-all: tensors kept for phi",
    "onnx-full: whole graph",
    "onnx: pruned, with phi",
]
SIZES = ["416x416", "416x256", "320x320", "320x192", "320x256"]
CASES = [
    *(Case(what, threads) for what in LANDMARKS for threads in (1, 2)),
    Case(LANDMARKS[0], batch=4),
    Case(LANDMARKS[3], batch=4),
    Case(LANDMARKS[3], threads=2, batch=8),
    *(Case(f"nanodet: {size}", threads) for size in SIZES for threads in (1, 2)),
    Case("nanodet: 320x256", batch=4),
]  # fmt: skip


def litert(case: Case) -> Callable[[], object]:
    """The makers' .tflite file in LiteRT with its XNNPACK kernels."""
    from ai_edge_litert.interpreter import Interpreter

    warnings.simplefilter("ignore")
    keep = case.runner == "litert-all"
    network = Interpreter(
        str(weights.path(weights.BLAZEPOSE_TFLITE)), num_threads=case.threads, experimental_preserve_all_tensors=keep
    )
    place = network.get_input_details()[0]["index"]
    network.resize_tensor_input(place, [case.batch, 256, 256, 3])
    network.allocate_tensors()
    crops = np.random.default_rng(0).random((case.batch, 256, 256, 3), np.float32)

    def run() -> None:
        network.set_tensor(place, crops)
        network.invoke()

    return run


def onnx(case: Case) -> Callable[[], object]:
    """Our translation in ONNX Runtime, without the branches that nothing reads."""
    from harvest.weights.onnx_session import OnnxNetwork

    network = OnnxNetwork(weights.path(weights.BLAZEPOSE), threads=case.threads)
    crops = np.random.default_rng(0).random((case.batch, 256, 256, 3), np.float32)
    return lambda: network(crops=crops)


def onnx_full(case: Case) -> Callable[[], object]:
    """The same with its heatmaps and segmentation mask."""
    from harvest.weights.onnx_session import OnnxNetwork
    from harvest.weights.packages import read_members
    from harvest.weights.tfjs import read_tfjs
    from harvest.weights.tfjs_ops import translate

    graph = read_tfjs(*read_members(weights.BLAZEPOSE.package, weights.BLAZEPOSE.members).values())
    outputs = {f"out{k}": f"Identity{k}" for k in ("", "_1", "_2", "_3", "_4")}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "full.onnx"
        place.write_bytes(translate(graph, {"crops": ("input_1", ("N", 256, 256, 3))}, outputs))
        network = OnnxNetwork(place, threads=case.threads)
    crops = np.random.default_rng(0).random((case.batch, 256, 256, 3), np.float32)
    return lambda: network(crops=crops)


def nanodet(case: Case) -> Callable[[], object]:
    """The people detector at the size that a frame of some shape is scaled to."""
    from harvest.weights.onnx_session import OnnxNetwork

    width, height = map(int, case.what.split(": ")[1].split("x"))
    network = OnnxNetwork(weights.path(weights.NANODET), threads=case.threads)
    images = np.random.default_rng(0).normal(size=(case.batch, 3, height, width)).astype(np.float32)
    return lambda: network(images=images)


RUNNERS = {"litert": litert, "litert-all": litert, "onnx": onnx, "onnx-full": onnx_full, "nanodet": nanodet}


def measure(case: Case) -> tuple[float, float]:
    """Best wall and CPU milliseconds per image or crop."""
    run = RUNNERS[case.runner](case)
    run()
    wall, cpu, end = np.inf, np.inf, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        before, cpu_before = time.perf_counter(), time.process_time()
        run()
        wall = min(wall, time.perf_counter() - before)
        cpu = min(cpu, time.process_time() - cpu_before)
    return 1e3 * wall / case.batch, 1e3 * cpu / case.batch


def main() -> None:
    """Print the whole table, or one row's numbers when called for a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args().case
    if chosen is not None:
        print(*measure(CASES[chosen]))
        return
    weights.fetch(weights.ALL)
    print("| network and runtime | threads | batch | wall ms | cpu ms |\n|---|---|---|---|---|")
    for number, case in enumerate(CASES):
        command = [sys.executable, __file__, "--case", str(number)]
        last = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-2:]
        wall, cpu = map(float, last)
        print(f"| {case.what} | {case.threads} | {case.batch} | {wall:.1f} | {cpu:.1f} |", flush=True)


if __name__ == "__main__":
    main()
