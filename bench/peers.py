"""The harvest against tools that people use for the same, on the same clip.

    .venv/bin/python bench/peers.py [VIDEO] --mediapipe /tmp/mp/bin/python [--rtmlib PYTHON --models DET.onnx POSE.onnx]

Each peer runs in an interpreter of its own, since their pins do not live beside ours:
    python3.11 -m venv /tmp/mp; /tmp/mp/bin/pip install mediapipe==0.10.21
mediapipe   its Pose solution with the same BlazePose (full) as our embedded default; one person; it detects when it
            has lost that person and follows otherwise, with smoothing. No φ, no shots, no filters, no boxes.
rtmlib      YOLOX and RTMPose as ONNX, every frame detected, every person posed, as its README has it. Its weights are
            downloads from a model zoo: name files that you have. Random weights would find random people, so none here.
CPU seconds of each process over the same frames, models loaded and warm, best of `--repeats`; the ratio is the result.
Also: how far its joints are from ours, so that nobody compares two different things.
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
    from harvest.label import Labeller
    from harvest.networks import make_backend, make_phis
    from harvest.policy import Policy, licence_verdict
    from harvest.sources import expand

    config = HarvestConfig()
    labeller = Labeller(make_backend(config), make_phis(phis or config.phis), config.label, Policy())
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


def measure(run: Callable[[], list[Any]], repeats: int) -> dict[str, Any]:
    """Best CPU seconds of a warm process, all its threads, and what was found."""
    found, best = run(), float("inf")
    for _ in range(repeats):
        began = time.process_time()
        found = run()
        best = min(best, time.process_time() - began)
    return {"cpu_s": best, "frames": len(found), "found": found}


def in_another(python: str, *arguments: str) -> dict[str, Any]:
    """What this file says when another interpreter runs it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOG_minloglevel": "3"}
    command = [python, __file__, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    said: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return said


def apart_px(ours: list[Any], theirs: list[Any]) -> float | None:
    """Median distance of the joints that both found, in shares of the picture's side."""
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=False) if a and b]
    gaps = sorted(
        ((a[name][0] - b[name][0]) ** 2 + (a[name][1] - b[name][1]) ** 2) ** 0.5 for a, b in pairs for name in JOINTS
    )
    return gaps[len(gaps) // 2] if gaps else None


def _each(measured: dict[str, Any]) -> float:
    """Milliseconds a frame."""
    return float(1000 * measured["cpu_s"] / measured["frames"])


def compare(video: str, given: argparse.Namespace) -> None:
    """Print each one's milliseconds a frame and the ratios."""
    times = ["--repeats", str(given.repeats)]
    ours = in_another(sys.executable, video, "--as", "ours", *times)
    bare = in_another(sys.executable, video, "--as", "bare", *times)
    print(f"hmmr harvest {_each(ours):7.1f} ms CPU a frame, {_each(bare):.1f} without φ ({ours['frames']} frames)")
    peers = {"mediapipe": given.mediapipe, "rtmlib": given.rtmlib if given.models else None}
    for name, python in peers.items():
        if not python:
            print(f"{name:12} not run: name an interpreter that has it, see the head of {Path(__file__).name}")
            continue
        models = ["--models", *given.models] if name == "rtmlib" else []
        peer = in_another(python, video, "--as", name, *times, *models)
        ratios = [_each(peer) / _each(each) for each in (ours, bare)]
        print(f"{name:12} {_each(peer):7.1f} ms CPU a frame; harvest runs at {ratios[0]:.2f} times its speed, "
              f"{ratios[1]:.2f} without φ (aim above 1)")  # fmt: skip
        apart = apart_px(ours["found"], peer["found"])
        if apart is not None:
            there = sum(each is not None for each in peer["found"])
            print(f"{'':12} found somebody in {there} frames; median joint {100 * apart:.1f} % of the side from ours")


def main() -> None:
    """See the file's head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?")
    parser.add_argument("--mediapipe", help="an interpreter that has mediapipe")
    parser.add_argument("--rtmlib", help="an interpreter that has rtmlib")
    parser.add_argument("--models", nargs=2, help="YOLOX and RTMPose as ONNX files")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--as", dest="role", choices=["ours", "bare", "mediapipe", "rtmlib"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        print(json.dumps(measure(_role(given), given.repeats)))
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
    from openworld.films import make_films
    from openworld.worlds import SplitConfig, WorldConfig

    split = SplitConfig("bench", 1, seconds=(6.0, 6.0))
    make_films(WorldConfig(splits=(split,), seed=5, processes=1), folder)
    return str(next((folder / "bench").glob("*.mp4")))


if __name__ == "__main__":
    main()
