"""The harvest on one thread against earlier networks, mediapipe and the plain loop, and 4K against 1080p.

    python bench/harvest_claims.py [--clips FOLDER] [--against CHECKOUT] [--rounds 3] [--seconds 4]

`--clips` holds pose_squats.mp4, pose2sim_single_cam02.mp4 and two_people_treadmill.mp4; without it one film of the open
world is made and measured alone. Of longer clips the first `--seconds` are used, cut without a loss. `--against` is a
checkout of an earlier commit: its bare networks are what the harvest is measured against, and its own harvest gives the
column "before". mediapipe 0.10.21 gets an environment of its own below ~/.cache/hmmr/bench, made at the first run.
"""

import argparse
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from claims import Claim  # noqa: E402
from environments import environment_with  # noqa: E402
from sides import Side, costs, ratios  # noqa: E402

from body.ffmpeg import ffmpeg_program  # noqa: E402

MEDIAPIPE = "mediapipe==0.10.21"
CLIPS = {"squats": "pose_squats.mp4", "cam02": "pose2sim_single_cam02.mp4", "two people": "two_people_treadmill.mp4"}


def clips(given: Path | None, scratch: Path, seconds: float, names: list[str] | None) -> dict[str, Path]:
    """The clips by name: a film that is made, where it is wanted, and the real ones where their folder is given."""
    from harvest_speed import make_film

    chosen = {"film": make_film(scratch, seconds)} if not names or {"film", "4K"} & set(names) else {}
    for name, file in CLIPS.items() if given else ():
        assert given is not None
        chosen[name] = scratch / f"{file.removesuffix('.mp4')}.mp4"
        cut = [ffmpeg_program(), "-v", "error", "-y", "-i", str(given / file), "-t", str(seconds), "-an"]
        if name == "squats":  # it has 5 frames a second: whole
            cut = [ffmpeg_program(), "-v", "error", "-y", "-i", str(given / file), "-an"]
        subprocess.run([*cut, "-c:v", "copy", str(chosen[name])], check=True)
    return chosen


def claims_of(name: str, clip: Path, against: Path | None, rounds: int, command: str) -> list[Claim]:
    """All claims about one clip, from one run of all sides in turn."""
    with ExitStack() as stack:
        peer = Side(
            str(ROOT / "bench" / "peers.py"), str(clip), "--as", "mediapipe", python=str(environment_with(MEDIAPIPE))
        )
        sides = {
            "harvest": Side.of_checkout("harvest", clip), "bare": Side.of_checkout("bare", clip),
            "plain": Side.of_checkout("plain", clip), "mediapipe": peer,
        }  # fmt: skip
        if against is not None:
            sides["networks before"] = Side.of_checkout("networks", clip, against)
            sides["harvest before"] = Side.of_checkout("harvest", clip, against)
        for side in sides.values():
            stack.enter_context(side)
        cost = costs(sides, rounds)

    def claim(what: str, wanted: float, base: str, own: str = "harvest", before: bool = True) -> Claim:
        earlier = ratios(cost[base], cost["harvest before"]) if before and "harvest before" in cost else []
        return Claim(
            f"{name}: {what}", f"at least {wanted:g}", ratios(cost[base], cost[own]), command, at_least=wanted,
            before=earlier, note=f"{min(cost[own]):.1f} against {min(cost[base]):.1f} ms a frame",
        )  # fmt: skip

    made = [
        claim("speed over the plain loop's", 2.0, "plain"),
        claim("speed over mediapipe's, φ included", 1.0, "mediapipe"),
        claim("speed over mediapipe's, no φ", 1.0, "mediapipe", "bare", before=False),
    ]
    if against is not None:
        made.insert(0, claim("speed over the bare networks' of the earlier checkout", 1.0, "networks before"))
    return made


def four_k(scratch: Path, clip: Path, rounds: int, command: str) -> Claim:
    """Cost a frame of the same pictures at 3840 and at 1920 px."""
    made = {}
    for width in (1920, 3840):
        made[width] = scratch / f"{width}.mp4"
        scale = f"scale={width}:-2:flags=bicubic"
        encode = [ffmpeg_program(), "-v", "error", "-y", "-i", str(clip), "-vf", scale, "-t", "2", "-c:v", "libx264"]
        subprocess.run([*encode, "-preset", "veryfast", "-pix_fmt", "yuv420p", str(made[width])], check=True)
    with Side.of_checkout("harvest", made[1920]) as small, Side.of_checkout("harvest", made[3840]) as large:
        cost = costs({"1080p": small, "4K": large}, rounds)
    note = f"{min(cost['4K']):.1f} against {min(cost['1080p']):.1f} ms a frame"
    return Claim("cost of 4K over 1080p, the same film", "at most 2", ratios(cost["4K"], cost["1080p"]), command,
                 at_most=2.0, note=note)  # fmt: skip


def measure(given: argparse.Namespace, command: str) -> tuple[list[Claim], list[str]]:
    """The claims, and what could not be measured."""
    claims, failures = [], []
    with tempfile.TemporaryDirectory() as folder:
        chosen = clips(given.clips, Path(folder), given.seconds, given.names)
        for name in [name for name in given.names or chosen if name != "4K"]:
            clip = chosen[name]
            try:
                claims += claims_of(name, clip, given.against, given.rounds, command)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                failures.append(f"{name}: {error}")
        if not given.names or "4K" in given.names:
            claims.append(four_k(Path(folder), chosen["film"], given.rounds, command))
    return claims, failures


if __name__ == "__main__":
    from performance import run_part

    run_part("harvest", __doc__, measure)
