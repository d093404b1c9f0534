"""What does it save that ffmpeg drops what thinning drops, and are the frames those of an earlier checkout to the bit?

    .venv/bin/python bench/decode.py [VIDEO...] [--against CHECKOUT] [--repeats 3]

Without a video three seconds of 1080p at 60 a second are made. Two ways decode each video as the harvest does (working
rate 25, one thread), in turn, each in a process of its own: CPU ms of this process and of ffmpeg for each picture of
the file, the least of `--repeats` runs, and the ratio. "before" is every picture through the pipe and thinned here, or
another checkout of this project. `same` says whether all kept frames agree in index, PTS and pixels; they may differ
where an earlier checkout was wrong (pixels that are not square, interlaced video, clocks that restart).
"""

import argparse
import hashlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def decode(path: Path, *, all_pictures: bool) -> dict[str, Any]:
    """Decode one file; what it cost, and a digest of the frames. Uses whatever checkout PYTHONPATH names."""
    moved = Path("harvest/video/decode.py").exists()  # where it lies since the redesign
    code = importlib.import_module("harvest.video.decode" if moved else "harvest.decode")
    if all_pictures:
        code.Video._select = lambda *_: ""
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


def run(path: Path, checkout: Path | None) -> dict[str, Any]:
    """The same in a process of its own, with the code of a checkout; None: of this one, every picture in the pipe."""
    command = [sys.executable, str(Path(__file__).resolve()), "--one", str(path)]
    environment = os.environ | {"PYTHONPATH": str(checkout or ROOT), "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(
        [*command, *([] if checkout else ["--all-pictures"])],
        capture_output=True, text=True, check=True, env=environment, cwd=checkout or ROOT,
    )  # fmt: skip
    return dict(json.loads(answer.stdout))


def make_clip(folder: Path) -> Path:
    """1080p, 60 pictures a second, H.264."""
    from body.ffmpeg import ffmpeg_program

    path = folder / "1080p60.mp4"
    pattern = "testsrc2=size=1920x1080:rate=60:duration=3"
    command = [ffmpeg_program(), "-v", "error", "-f", "lavfi", "-i", pattern, "-pix_fmt", "yuv420p", "-c:v", "libx264"]
    subprocess.run([*command, "-preset", "veryfast", str(path)], check=True)
    return path


def compare(video: Path, before: Path | None, repeats: int) -> None:
    """Print the row of one video."""
    rounds = [(run(video, before), run(video, ROOT)) for _ in range(repeats)]
    old, new = (min((pair[k] for pair in rounds), key=lambda one: float(one["ms"])) for k in (0, 1))
    same = "yes" if old["digest"] == new["digest"] else "no"
    counts, ratio = f"{new['frames']:6} {new['kept']:5}", new["ms"] / old["ms"]
    print(f"{video.name:32} {counts} {old['ms']:10.2f} {new['ms']:7.2f} {ratio:6.2f}  {same}", flush=True)


def main() -> None:
    """See the file's head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--against", type=Path, help="another checkout of this project")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--all-pictures", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(decode(given.one, all_pictures=given.all_pictures)))
        return
    print(f"{'':32} frames  kept  ms before  ms now  ratio  same")
    with tempfile.TemporaryDirectory() as folder:
        for video in given.videos or [make_clip(Path(folder))]:
            compare(video.resolve(), given.against and given.against.resolve(), given.repeats)


if __name__ == "__main__":
    main()
