"""The harvest against tools that people use for the same, on the same clip.

    .venv/bin/python bench/peers.py [VIDEO] --mediapipe /tmp/mp/bin/python [--rtmlib PYTHON --models DET.onnx POSE.onnx]

Each peer runs in an interpreter of its own, since their pins do not live beside ours:
    python3.11 -m venv /tmp/mp; /tmp/mp/bin/pip install mediapipe==0.10.21
mediapipe   its Pose solution with the same BlazePose (full) as our embedded default; one person; it detects when it
            has lost that person and follows otherwise, with smoothing. No φ, no shots, no filters, no boxes.
rtmlib      YOLOX and RTMPose as ONNX, every frame detected, every person posed, as its README has it. Its weights are
            downloads from a model zoo: name files that you have. Random weights would find random people, so none here.
CPU seconds of each process, its threads and its decoder, and wall seconds, over the same frames with models loaded and
warm: best of `--repeats`, in as many rounds of all in turn, so that a busy machine slows them alike. The ratios are the
result; wall time means something on an idle machine only. Also: how far its joints are from ours, so that nobody
compares two different things.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

JOINTS = {"left_hip": 23, "right_hip": 24, "left_knee": 25, "right_knee": 26, "left_wrist": 15, "right_wrist": 16,
          "left_shoulder": 11, "right_shoulder": 12, "left_elbow": 13, "right_elbow": 14}  # fmt: skip
"""mediapipe's numbers of joints that both sides name alike."""


def frames_of(path: str) -> Iterator[Any]:
    """RGB frames, decoded as mediapipe's and rtmlib's own examples do."""
    import cv2

    video = cv2.VideoCapture(path)
    while True:
        there, frame = video.read()
        if not there:
            return
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def run_mediapipe(path: str) -> Callable[[], list[Any]]:
    """A function that runs it over the clip: per frame {joint: (x, y)} in shares of the picture, or None."""
    import mediapipe  # type: ignore[import-not-found]

    def run() -> list[Any]:
        with mediapipe.solutions.pose.Pose(model_complexity=1) as pose:
            return [_landmarks(pose.process(frame)) for frame in frames_of(path)]

    return run


def _landmarks(found: Any) -> Any:
    if found.pose_landmarks is None:
        return None
    points = found.pose_landmarks.landmark
    return {name: (points[i].x, points[i].y) for name, i in JOINTS.items()}


def run_rtmlib(path: str, detector: str, pose: str) -> Callable[[], list[Any]]:
    """A function that runs detector and pose over every frame."""
    import rtmlib  # type: ignore[import-not-found,unused-ignore]

    find = rtmlib.YOLOX(detector, model_input_size=(640, 640), backend="onnxruntime", device="cpu")
    place = rtmlib.RTMPose(pose, model_input_size=(192, 256), backend="onnxruntime", device="cpu")

    def run() -> list[Any]:
        return [place(frame, bboxes=find(frame)) and None for frame in frames_of(path)]

    return run


def run_ours(path: str, *phis: str) -> Callable[[], list[Any]]:
    """All of `hmmr harvest`'s labelling: decode, shots, people, pose, tracks, filters, boxes, φ (else the default)."""
    from harvest.config import HarvestConfig
    from harvest.fetch.policy import Policy, licence_verdict
    from harvest.label import Labeller
    from harvest.registry import make_backend, make_phis
    from harvest.sources.expand import expand
    from harvest.video.overlap import threads_each

    config = HarvestConfig()
    threads = threads_each(None, workers=1, items=1)
    labeller = Labeller(make_backend(config), make_phis(phis or config.phis), config.label, Policy(), threads=threads)
    (source,) = expand([path])

    def run() -> list[Any]:
        labelled = labeller.label(Path(path), source, licence_verdict(source, {}, Policy()))
        (video,) = labelled.rows["videos"]
        return _our_joints(labelled.rows["tracklets"], video["width"], video["height"], video["n_frames"])

    return run


def _our_joints(rows: list[dict[str, Any]], width: int, height: int, frames: int) -> list[Any]:
    """As run_mediapipe, of the longest tracklet."""
    from body.joints import KEYPOINTS_25

    found: list[Any] = [None] * frames
    if not rows:
        return found
    row = max(rows, key=lambda each: each["n_frames"])
    keypoints = row["keypoints"].reshape(-1, 25, 3)
    for n, pose in zip(row["frame_index"], keypoints, strict=True):
        places = {name: pose[KEYPOINTS_25.index(name)] for name in JOINTS}
        found[n] = {name: (float(x) / width, float(y) / height) for name, (x, y, _) in places.items()}
    return found


def serve(run: Callable[[], list[Any]]) -> None:
    """For every line on stdin: run, and say on stdout in CPU and wall seconds what it took, and what was found."""
    run()
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), os.times()
        found = run()
        spent = sum(os.times()[:4]) - sum(cpu[:4])
        said = {"cpu_s": spent, "wall_s": time.perf_counter() - wall, "frames": len(found), "found": found}
        print(json.dumps(said), flush=True)


class Runner:
    """This file in another interpreter, with one side loaded and warm."""

    def __init__(self, python: str, *arguments: str) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOG_minloglevel": "3"}
        self._process = subprocess.Popen(
            [python, __file__, *arguments], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.best: dict[str, Any] = {}

    def once(self) -> None:
        """One more run; the least CPU and wall time of all runs stay. RuntimeError if the interpreter ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            raise RuntimeError(f"{' '.join(map(str, self._process.args))} ended: run it by hand to see why")  # type: ignore[arg-type]
        told: dict[str, Any] = json.loads(said)
        least = {key: min(told[key], self.best.get(key, told[key])) for key in ("cpu_s", "wall_s")}
        self.best = {**told, **least}

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def apart_px(ours: list[Any], theirs: list[Any]) -> float | None:
    """Median distance of the joints that both found, in shares of the picture's side."""
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=False) if a and b]
    gaps = sorted(
        ((a[name][0] - b[name][0]) ** 2 + (a[name][1] - b[name][1]) ** 2) ** 0.5 for a, b in pairs for name in JOINTS
    )
    return gaps[len(gaps) // 2] if gaps else None


def _each(measured: dict[str, Any], key: str) -> float:
    """Milliseconds a frame."""
    return float(1000 * measured[key] / measured["frames"])


def measure(video: str, given: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """What each side took at best, in turn."""
    pythons = {"ours": sys.executable, "bare": sys.executable, "mediapipe": given.mediapipe}
    if given.models:
        pythons["rtmlib"] = given.rtmlib
    models = ["--models", *given.models] if given.models else []
    runners = {name: Runner(python, video, "--as", name, *models) for name, python in pythons.items() if python}
    try:
        for _ in range(given.repeats):
            for runner in runners.values():
                runner.once()
    finally:
        for runner in runners.values():
            runner.end()
    return {name: runner.best for name, runner in runners.items()}


def compare(video: str, given: argparse.Namespace) -> None:
    """Print each one's milliseconds a frame and the ratios."""
    measured = measure(video, given)
    ours, bare = measured.pop("ours"), measured.pop("bare")
    print(f"{'':22} CPU    wall  ms a frame ({ours['frames']} frames)")
    for name, each in (("hmmr harvest", ours), ("hmmr without φ", bare), *measured.items()):
        print(f"{name:18} {_each(each, 'cpu_s'):7.1f} {_each(each, 'wall_s'):7.1f}")
    for name, peer in measured.items():
        for key in ("cpu_s", "wall_s"):
            ratios = [_each(peer, key) / _each(each, key) for each in (ours, bare)]
            print(f"{key.removesuffix('_s'):4} harvest runs at {ratios[0]:.2f} times the speed of {name}, "
                  f"{ratios[1]:.2f} without φ (aim above 1)")  # fmt: skip
        apart = apart_px(ours["found"], peer["found"])
        if apart is not None:
            there = sum(each is not None for each in peer["found"])
            print(f"{name} found somebody in {there} frames; median joint {100 * apart:.1f} % of the side from ours")
    for name in {"mediapipe", "rtmlib"} - set(measured):
        print(f"{name} not run: name an interpreter that has it, see the head of {Path(__file__).name}")


def main() -> None:
    """See the file's head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?")
    parser.add_argument("--mediapipe", help="an interpreter that has mediapipe")
    parser.add_argument("--rtmlib", help="an interpreter that has rtmlib")
    parser.add_argument("--models", nargs=2, help="YOLOX and RTMPose as ONNX files")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--as", dest="role", choices=["ours", "bare", "mediapipe", "rtmlib"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        serve(_role(given))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(given.video or _film(Path(folder)), given)


def _role(given: argparse.Namespace) -> Callable[[], list[Any]]:
    if given.role == "rtmlib":
        return run_rtmlib(given.video, *given.models)
    if given.role == "mediapipe":
        return run_mediapipe(given.video)
    return run_ours(given.video, *(["keypoints"] if given.role == "bare" else []))


def _film(folder: Path) -> str:
    """One film of one person of the open world."""
    from openworld.film.batch import make_films
    from openworld.worlds import SplitConfig, WorldConfig

    split = SplitConfig("bench", 1, seconds=(6.0, 6.0))
    make_films(WorldConfig(splits=(split,), seed=5, processes=1), folder)
    return str(next((folder / "bench").glob("*.mp4")))


if __name__ == "__main__":
    main()
