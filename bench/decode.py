"""What does decoding cost, and are the frames still those of an earlier checkout to the bit?

    .venv/bin/python bench/decode.py VIDEO... --against CHECKOUT [--repeats 3]

Both decode each video as the harvest does (working rate 25, one thread), in turn, each in a process of its own: CPU ms
of this process and of ffmpeg for each picture of the file, the least of `--repeats` runs, and the ratio of the two.
`same` says whether all kept frames agree in index, PTS and pixels; they may differ where the earlier code was wrong
(pixels that are not square, interlaced video, clocks that restart).
"""

import argparse
import hashlib
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def decode(path: Path) -> dict[str, Any]:
    """Decode one file; what it cost, and a digest of the frames. Uses whatever checkout PYTHONPATH names."""
    moved = Path("harvest/video/decode.py").exists()  # where it lies since the redesign
    code = importlib.import_module("harvest.video.decode" if moved else "harvest.decode")
    began = os.times()
    video = code.Video(path, path.name, code.DecodeConfig(), max_pixels=1 << 27, max_seconds=1e6)
    kept, marks = 0, []
    hashing = 0.0
    for frame in video.frames():
        before = os.times()
        marks.append((frame.index, frame.pts, hashlib.blake2b(frame.pixels_HW3).hexdigest()))
        after = os.times()
        hashing += after.user + after.system - before.user - before.system
        kept += 1
    ended = os.times()
    cpu = sum(ended[:4]) - sum(began[:4]) - hashing
    digest = hashlib.sha256(json.dumps(marks).encode()).hexdigest()
    return {"ms": 1000 * cpu / video.n_frames, "frames": video.n_frames, "kept": kept, "digest": digest}


def run(path: Path, checkout: Path) -> dict[str, Any]:
    """The same in a process of its own, with the code of a checkout."""
    command = [sys.executable, str(Path(__file__).resolve()), "--one", str(path)]
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=checkout)
    return dict(json.loads(answer.stdout))


def main() -> None:
    """See the file's head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--against", type=Path, help="another checkout of this project")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(decode(given.one)))
        return
    print(f"{'':32} frames  kept  ms before  ms now  ratio  same")
    for video in (path.resolve() for path in given.videos):
        rounds = [(run(video, given.against.resolve()), run(video, ROOT)) for _ in range(given.repeats)]
        before, now = (min((pair[k] for pair in rounds), key=lambda one: float(one["ms"])) for k in (0, 1))
        same = "yes" if before["digest"] == now["digest"] else "no"
        ratio = now["ms"] / before["ms"]
        print(
            f"{video.name:32} {now['frames']:6} {now['kept']:5} {before['ms']:10.2f} {now['ms']:7.2f} {ratio:6.2f}  {same}"
        )


if __name__ == "__main__":
    main()
