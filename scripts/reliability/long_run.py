"""A long run on loopback: harvest, train, freeze, erase, maintain, again and again; all that is used must stay flat.

    python scripts/reliability/long_run.py --minutes 60 --out out/long_run
    python scripts/reliability/long_run.py --out out/long_run --plot docs/img/long_run.svg   # only draw

Each cycle serves two new films by HTTP, harvests them by URL, takes the two oldest out again, freezes a list, and keeps
house; each fifth trains ten steps on all there is. A line a cycle in OUT/cycles.jsonl. The first quarter warms up; then
the median of the last quarter is held against that of the second. Exit code 1 where something grew beyond LIMITS.
"""

import argparse
import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from body.ffmpeg import ffmpeg_program
from flows.films import serve_folder
from harvest.config import HarvestConfig
from harvest.fetch.policy import Policy
from harvest.run import harvest
from hmmr_model.configs import DataConfig, LossConfig, ModelConfig, TrainConfig
from hmmr_model.train import train
from openworld.film.truth import attach_truth
from openworld.film.truth_file import truth_path
from scripts.film_copies import copy_truth, make_sources
from storage.atomic import file_sha256
from storage.commit import maintain
from storage.erase.names import Target
from storage.erase.run import erase
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.snapshot import freeze

LIVE, NEW, TRAIN_EVERY = 8, 2, 5
"""Films that are in the lake at a time; new ones a cycle; cycles between two trainings."""
LIMITS = {"memory_mb": (1.1, 40.0), "handles": (1.0, 4.0), "threads": (1.0, 2.0), "disk_mb": (1.25, 3.0),
          "harvest_cpu_s": (1.3, 0.5), "erase_cpu_s": (1.3, 0.5), "snapshot_cpu_s": (1.3, 0.2),
          "train_cpu_s": (1.3, 1.0)}  # fmt: skip
"""What the last quarter may have of what the second had: so many times as much, and so much more."""
CONFIG = TrainConfig(
    preset="test", steps=10, save_every=5, log_every=5, model=ModelConfig(width=16, groups=2, regressor_width=16),
    loss=LossConfig(prior_hidden=8), data=replace(DataConfig(), batch=4, phi_name="keypoints"),
)  # fmt: skip


class Run:
    """The lake, the served folder, and the films that are in."""

    def __init__(self, out: Path) -> None:
        self.out, self.served = out, out / "served"
        shutil.rmtree(out, ignore_errors=True)
        self.films = sorted(make_sources(out / "first", 4).glob("*.mp4"))
        self.served.mkdir()
        self.live: list[Path] = []
        self.lake = Lake(out / "lake")

    def cycle(self, number: int, base: str) -> dict[str, float]:
        """One cycle; CPU seconds of each part, of this process and its children."""
        new = [self._film(NEW * number + part) for part in range(NEW)]
        self.live += new
        took = {"harvest_cpu_s": _cpu(lambda: self._harvest(base, new))}
        took["snapshot_cpu_s"] = _cpu(lambda: freeze(self.lake))
        if number % TRAIN_EVERY == TRAIN_EVERY - 1:
            took["train_cpu_s"] = _cpu(self._train)
        if len(self.live) > LIVE:
            took["erase_cpu_s"] = _cpu(lambda: self._erase(base))
        ledger = Ledger.open(self.lake.root)
        maintain(self.lake, ledger, many_files=8)
        ledger.close()
        return took

    def _film(self, number: int) -> Path:
        source, film = self.films[number % len(self.films)], self.served / f"film_{number:05d}.mp4"
        tagged = ["-c", "copy", "-metadata", f"comment=long {number}", str(film)]
        command = [ffmpeg_program(), "-y", "-v", "error", "-i", str(source), *tagged]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        copy_truth(truth_path(source), truth_path(film), file_sha256(film))
        return film

    def _harvest(self, base: str, new: list[Path]) -> None:
        config = HarvestConfig(
            backend="truth", truth_films=self.served, phis=("keypoints",), workers=1,
            policy=Policy(allow_private=True, licence="open"),
        )  # fmt: skip
        report = harvest([f"{base}/{film.name}" for film in new], self.lake, config)
        if report.books.done != len(new):
            raise SystemExit(f"not all films are in: {report}")
        attach_truth(self.lake, self.served)

    def _train(self) -> None:
        ids = [row["tracklet_id"] for row in self.lake.read("tracklets", ["tracklet_id"]).to_pylist()]
        folder = self.out / "training"
        train(CONFIG, self.lake, [self.lake], folder, tracklet_ids=ids)
        shutil.rmtree(folder)

    def _erase(self, base: str) -> None:
        going, self.live = self.live[:NEW], self.live[NEW:]
        ledger = Ledger.open(self.lake.root)
        erase(self.lake, ledger, Target(sources=tuple(f"{base}/{film.name}" for film in going)))
        ledger.close()
        for film in going:
            film.unlink()
            truth_path(film).unlink()


def _cpu(work: Callable[[], object]) -> float:
    before = sum(os.times()[:4])
    work()
    return round(sum(os.times()[:4]) - before, 3)


def used(folder: Path) -> dict[str, float]:
    """What this process and the lake hold now."""
    gc.collect()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"memory_mb": int(status["VmRSS"].split()[0]) / 1024, "handles": len(os.listdir("/proc/self/fd")),
            "threads": int(status["Threads"]), "disk_mb": disk / 2**20}  # fmt: skip


def verdict(rows: list[dict[str, float]]) -> list[str]:
    """What grew from the second to the last quarter by more than LIMITS, in words."""
    grown, quarter = [], max(1, len(rows) // 4)
    for name, (times, more) in LIMITS.items():
        early = [row[name] for row in rows[quarter : 2 * quarter] if name in row]
        late = [row[name] for row in rows[-quarter:] if name in row]
        if early and late and statistics.median(late) > statistics.median(early) * times + more:
            grown.append(f"{name}: {statistics.median(early):.2f} -> {statistics.median(late):.2f}")
    return grown


def plot(rows: list[dict[str, float]], path: Path) -> None:
    """A small chart for each measure over the minutes."""
    width, height, parts = 340, 110, []
    for place, name in enumerate(LIMITS):
        points = [(row["minute"], row[name]) for row in rows if name in row]
        left, top = (place % 2) * (width + 20) + 10, (place // 2) * (height + 40) + 24
        most, end = max((value for _, value in points), default=1) or 1, rows[-1]["minute"] or 1
        line = " ".join(f"{left + minute / end * width:.1f},{top + height - value / most * height:.1f}"
                        for minute, value in points)  # fmt: skip
        parts.append(f'<text x="{left}" y="{top - 6}">{name} (0 to {most:.4g})</text><rect x="{left}" y="{top}" '
                     f'width="{width}" height="{height}" fill="none" stroke="#bbb"/><polyline points="{line}" '
                     'fill="none" stroke="#06c" stroke-width="1.5"/>')  # fmt: skip
    size = f'width="{2 * width + 40}" height="{(len(LIMITS) + 1) // 2 * (height + 40) + 30}"'
    note = (
        f'<text x="10" y="{(len(LIMITS) + 1) // 2 * (height + 40) + 20}">minutes 0 to {rows[-1]["minute"]:.0f}</text>'
    )
    style = 'font-family="sans-serif" font-size="12"'
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{"".join(parts)}{note}</svg>\n')


def main() -> int:
    """Run for the asked minutes, or draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=Path("out/long_run"))
    parser.add_argument("--plot", type=Path, help="draw OUT/cycles.jsonl, run nothing")
    asked = parser.parse_args()
    lines = asked.out / "cycles.jsonl"
    if not asked.plot:
        torch.set_num_threads(1)
        run, begin, number = Run(asked.out.absolute()), time.monotonic(), 0
        with serve_folder(run.served, asked.out / "port") as base, lines.open("w") as file:
            while time.monotonic() - begin < 60 * asked.minutes:
                row = {**run.cycle(number, base), **used(run.out / "lake")}
                row["minute"] = round((time.monotonic() - begin) / 60, 3)
                file.write(json.dumps(row) + "\n")
                file.flush()
                number += 1
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    if asked.plot:
        plot(rows, asked.plot)
    grown = verdict(rows)
    print(f"{len(rows)} cycles in {rows[-1]['minute']:.1f} minutes; grown: {'; '.join(grown) or 'nothing'}")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
