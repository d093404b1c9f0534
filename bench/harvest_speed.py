"""How fast is the harvest against its own networks, against a plain loop, and does its memory stay flat?

    .venv/bin/python bench/harvest_speed.py [VIDEO] [--seconds 8] [--memory]

Without a video one film of the open world is made. Runs over the same frames with the same networks, in turn:
harvest     decode, shots, detect every 4th frame, follow, link, smooth, filter, φ; as `hmmr harvest run` does
  threads 2 the same with pictures read ahead and φ behind, as it does for one video on two cores
networks    nothing but the network calls that this harvest made, on decoded frames, one after the other
plain loop  as peers write it: cv2 decodes, every frame is detected, every person posed, φ of each, one by one
Least CPU time (all threads and the decoder's process) and least wall time of `--repeats` runs. CPU time counts the
decoder, which runs beside the networks; wall time says what that brings, on a machine with nothing else to do. On a
busy one trust the CPU columns, and of wall times the ratios alone. "first" is the CPU time of the first thread alone,
which on idle cores is the wall time. `--memory` labels one minute and ten minutes of the same video, each in a process
of its own, and compares their peaks.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from body.ffmpeg import ffmpeg_program
from body.joints import KEYPOINTS_25
from harvest.backends.protocol import PoseBackend
from harvest.config import HarvestConfig
from harvest.fetch.policy import Policy, licence_verdict
from harvest.label import Labeller
from harvest.phi.protocol import Phi
from harvest.registry import make_backend, make_phis
from harvest.sources.expand import expand

Call = Callable[[], object]


class Recorder:
    """Backend and φ in one that note every call, so that the same calls can be made again without the harvest."""

    def __init__(self, backend: PoseBackend, phi: Phi) -> None:
        self._backend, self._phi = backend, phi
        self.name, self.weights, self.joints = backend.name, backend.weights, backend.joints
        self.dim = phi.dim
        self.calls: list[Call] = []

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As the backend inside says; noted."""
        self.calls.append(lambda: self._backend.people(frames))
        return self._backend.people(frames)

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """As the backend inside says; noted."""
        self.calls.append(lambda: self._backend.pose(frames, boxes, expected))
        return self._backend.pose(frames, boxes, expected)

    def features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """As the φ inside says; noted."""
        self.calls.append(lambda: self._phi.features(frames, boxes_N4, keypoints_N25x3))
        return self._phi.features(frames, boxes_N4, keypoints_N25x3)


class Walker:
    """Stands in for the networks where only memory is measured: one person who swings through the picture."""

    name, dim = "walker", 1152
    weights: Mapping[str, str] = {}
    joints = KEYPOINTS_25

    def __init__(self) -> None:
        self._shape, self._beat = np.random.default_rng(0).uniform(0, 80, (25, 2)), np.arange(25)[:, None]
        self._at = 0

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """One box of 80 px a frame."""
        return [np.array([[20, 20, 100, 100, 0.9]], np.float32) for _ in frames]

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """The same shape in every box, moved on by one step of its swing a call."""
        self._at += 1
        place = self._shape + 20 + 10 * np.sin(self._at / 5 + self._beat)  # a thing that moves as one is no person
        person = np.column_stack([place, np.full(25, 0.9)]).astype(np.float32)
        return [np.repeat(person[None], len(boxes_P4), axis=0) for boxes_P4 in boxes]

    def features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(N, 1152) zeros, and no 3D."""
        return np.zeros((len(frames), self.dim), np.float32), None


def seconds(work: Call) -> tuple[float, float, float]:
    """CPU time of this process, all threads, and of the decoders that it started; of this thread; wall time."""
    began, own, wall = os.times(), time.thread_time(), time.perf_counter()
    work()
    return sum(os.times()[:4]) - sum(began[:4]), time.thread_time() - own, time.perf_counter() - wall


def label(path: Path, backend: PoseBackend, phis: Sequence[Phi], *, cache: Path | None = None, threads: int = 1) -> int:
    """Label one file; returns how many frames it has."""
    (source,) = expand([path])
    labeller = Labeller(backend, phis, HarvestConfig().label, Policy(), cache=cache, threads=threads)
    labelled = labeller.label(path, source, licence_verdict(source, {}, Policy()))
    if labelled.rejection:
        raise labelled.rejection
    return int(labelled.rows["videos"][0]["n_frames"])


def plain_loop(path: Path, backend: PoseBackend, phi: Phi) -> None:
    """Detector, pose, feature, frame by frame."""
    video = cv2.VideoCapture(str(path))
    while True:
        there, frame = video.read()
        if not there:
            return
        pixels = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        for box in backend.people([pixels])[0]:
            pose = backend.pose([pixels], [box[None, :4]])[0]
            centre, half = (box[:2] + box[2:4]) / 2, 0.75 * (box[2:4] - box[:2]).max()
            phi.features([pixels], np.concatenate([centre - half, centre + half])[None], pose)


def compare_speed(path: Path, repeats: int) -> None:
    """Print milliseconds a frame of the four, and the ratios that matter."""
    backend, (phi,) = make_backend(HarvestConfig()), make_phis(HarvestConfig().phis)
    recorder = Recorder(backend, phi)
    frames = label(path, recorder, [recorder])
    runs: dict[str, Call] = {
        "harvest": lambda: label(path, backend, [phi]),
        "threads 2": lambda: label(path, backend, [phi], threads=2),
        "networks": lambda: [call() for call in recorder.calls],
        "plain loop": lambda: plain_loop(path, backend, phi),
    }
    rounds = [{name: seconds(run) for name, run in runs.items()} for _ in range(repeats)]
    print_speed({name: [1000 * min(each[name][k] for each in rounds) / frames for k in range(3)] for name in runs})


def print_speed(ms: Mapping[str, Sequence[float]]) -> None:
    """`ms`: by name CPU, first thread and wall."""
    print("ms a frame       CPU   first    wall")
    for name, (cpu, first, wall) in ms.items():
        print(f"{name:12} {cpu:7.1f} {first:7.1f} {wall:7.1f}")
    print("speed over that of    CPU   first   wall   first, 2 threads   wall, 2 threads")
    for name, aim in (("networks", 0.85), ("plain loop", 1)):
        one, two = (
            [base / own for base, own in zip(ms[name], ms[key], strict=True)] for key in ("harvest", "threads 2")
        )
        print(f"{name:17} {one[0]:7.2f} {one[1]:7.2f} {one[2]:6.2f} {two[1]:18.2f} {two[2]:17.2f}   (aim {aim})")


def compare_memory(path: Path, folder: Path) -> None:
    """Print the peak memory of one minute and of ten."""
    peaks = []
    for minutes in (1, 10):
        long = folder / f"{minutes}min.mp4"
        loop = [ffmpeg_program(), "-v", "error", "-y", "-stream_loop", "-1", "-i", str(path), "-t", str(60 * minutes)]
        subprocess.run([*loop, "-c", "copy", str(long)], check=True)
        again = [sys.executable, __file__, str(long), "--peak"]
        run = subprocess.run(again, capture_output=True, text=True, check=True)
        peaks.append(float(run.stdout.split()[-1]))
        print(f"{minutes:3} minutes: peak {peaks[-1]:.0f} MB")
    print(f"ten minutes take {100 * (peaks[1] / peaks[0] - 1):.0f} % more than one (aim 10)")


def print_peak(path: Path) -> None:
    """Label a file with a stand-in for the networks, so that ten minutes take one; print the peak in MB."""
    walker = Walker()
    with tempfile.TemporaryDirectory() as cache:
        label(path, walker, [walker], cache=Path(cache))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def make_film(folder: Path, seconds: float) -> Path:
    """One film of one person."""
    from openworld.film.batch import make_films
    from openworld.worlds import SplitConfig, WorldConfig

    split = SplitConfig("bench", 1, seconds=(seconds, seconds))
    make_films(WorldConfig(splits=(split,), seed=5, processes=1), folder)
    return next((folder / "bench").glob("*.mp4"))


def main() -> None:
    """See the file's head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of the film that is made")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak:
        print_peak(given.video)
        return
    with tempfile.TemporaryDirectory() as folder:
        video = given.video or make_film(Path(folder), given.seconds)
        if given.memory:
            compare_memory(video, Path(folder))
        else:
            compare_speed(video, given.repeats)


if __name__ == "__main__":
    main()
