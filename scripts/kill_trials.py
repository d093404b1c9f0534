"""SIGKILL trials of a harvest: the lake must end as if nobody had been killed, row for row.

    python scripts/kill_trials.py --trials 100 --out out/trials      # goes on where it was; prints a line a trial

A two-worker harvest of 20 short films (plain runner, backend `truth`) is killed once or twice, at a random moment
(even trials) or at a named point of a commit (odd ones), and then run to its end. The books must balance and every
table must equal that of an undisturbed run. A trial is a pure function of (seed, trial) but for the moment's luck.

Every run is a fork of this process, which only imports: so a trial costs the harvest and no start-up. This process
itself never opens a lake, because threads of pyarrow and deltalake do not survive a fork.
"""

import argparse
import contextlib
import hashlib
import importlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from body.ffmpeg import ffmpeg_program
from harvest.config import HarvestConfig
from harvest.run import harvest as run_harvest
from openworld.film.batch import make_films
from openworld.film.truth_file import truth_path
from openworld.worlds import SplitConfig, WorldConfig
from storage.atomic import file_sha256, write_json_atomically
from storage.commit import ORDER, commit_shard
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile

FILMS, MADE = 20, 4
POINTS = [f"{point}@{turn}" for turn in (1, 3) for point in ("opened", *ORDER, "closed")]
"""Steps of the first and of the third commit; the five commits of a run carry four films each."""

WHEN_COLUMNS = ("committed_at", "stage_seconds", "provenance", "evidence")
"""What may differ between two harvests of the same files: times and dates, and where they were read from."""

_LONGEST_S = 1800.0


@dataclass(frozen=True)
class Trial:
    """What was done and what came of it. `kills`: where each run was to die; `landed`: how many did."""

    trial: int
    seed: int
    kills: tuple[str, ...]
    landed: int
    cpu_seconds: float
    problem: str = ""


def main() -> int:
    """Run the trials that are not in the folder yet; exit code 1 if any lake was not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path("out/trials"), help="films, results; used again when it exists"
    )
    asked = parser.parse_args()
    for late in ("harvest.workers", "harvest.commit"):  # else every fork would import it anew
        importlib.import_module(late)
    out = asked.out.absolute()
    results = _results(out / "trials.jsonl")
    if to_do := [trial for trial in range(asked.trials) if (asked.seed, trial) not in results]:
        films = Path(_in_fork(partial(make_sources, out / "films"), out / "films.json")["folder"])
        seconds, whole = _undisturbed(films, out)
    for trial in to_do:
        done = one_trial(trial, asked.seed, films, out / "lake", seconds, whole)
        with (out / "trials.jsonl").open("a") as file:
            file.write(json.dumps(asdict(done)) + "\n")
        results[asked.seed, trial] = asdict(done)
        said = f"{done.cpu_seconds:.1f} CPU s, killed at {' and '.join(done.kills)}: {done.problem or 'as undisturbed'}"
        print(f"{trial + 1}/{asked.trials} {said}", flush=True)
    bad = [row for row in results.values() if row["problem"]]
    landed = sum(row["landed"] for row in results.values())
    print(f"{len(results)} trials, {landed} kills landed, {len(bad)} lakes were not as if undisturbed")
    return 1 if bad else 0


def _results(path: Path) -> dict[tuple[int, int], dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {(row["seed"], row["trial"]): row for row in rows}


def one_trial(trial: int, seed: int, films: Path, folder: Path, seconds: float, whole: str) -> Trial:
    """Kill, run again, compare with `whole` (the digest of an undisturbed lake, made in `seconds`)."""
    chance = random.Random(f"{seed}/{trial}")
    before, landed, early = sum(os.times()[:4]), 0, 1.0
    while not landed and early > 0.01:  # a run that ended before its moment came is no trial: an earlier moment then
        kills, landed = _killed_runs(chance, films, folder, early * seconds, at_points=bool(trial % 2))
        early *= 0.7
    try:
        found = _in_fork(partial(_to_the_end, films, folder / "lake"), folder / "end.json")
        problem = "" if landed else "no kill landed"
        problem = problem if found["digest"] == whole else f"the lake differs: {found['counts']}"
        problem = str(found["problems"]) if found["problems"] else problem
    except RuntimeError as error:
        problem = str(error)
    if problem:
        shutil.move(folder, folder.with_name(f"bad-{seed}-{trial}-{time.time():.0f}"))
    return Trial(trial, seed, tuple(kills), landed, sum(os.times()[:4]) - before, problem)


def _killed_runs(
    chance: random.Random, films: Path, folder: Path, seconds: float, *, at_points: bool
) -> tuple[list[str], int]:
    """One run or two in a new folder, each to be killed; where, and how many died of it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kills, landed = [], 0
    for _ in range(1 + (chance.random() < 0.3)):
        point = chance.choice(POINTS) if at_points else ""
        after = chance.uniform(0.1, 1.0) * seconds
        status = _fork(partial(_harvest, films, folder / "lake", point), folder, None if point else after)
        kills.append(point or f"{after:.2f} s")
        landed += os.WIFSIGNALED(status)
    return kills, landed


def make_sources(folder: Path, count: int = FILMS) -> dict[str, str]:
    """So many short films: four that are rendered, and each again with another comment in its header, so another file.

    A second long at most: so few pictures are not enough for the harvest to call one a copy of another.
    """
    split = SplitConfig("unlabelled", MADE, crossing=1, cut=0, seconds=(0.9, 1.1))
    made = make_films(WorldConfig(splits=(split,), seed=5, width=128, height=96, processes=1), folder / "made")
    for number in range(count):
        video = folder / "made" / "unlabelled" / f"{made[number % MADE].film_id}.mp4"
        copy = folder / "films" / f"film_{number:03d}.mp4"
        copy.parent.mkdir(exist_ok=True)
        tagged = ["-c", "copy", "-metadata", f"comment={number}", str(copy)]
        command = [ffmpeg_program(), "-y", "-v", "error", "-i", str(video), *tagged]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        _copy_truth(truth_path(video), truth_path(copy), file_sha256(copy))
    return {"folder": str(folder / "films")}


def _copy_truth(source: Path, target: Path, digest: str) -> None:
    table = pq.read_table(source)
    place = table.schema.get_field_index("video_sha256")
    pq.write_table(table.set_column(place, table.schema.field(place), pa.array([digest] * table.num_rows)), target)


def _undisturbed(films: Path, out: Path) -> tuple[float, str]:
    """Seconds and content of a run that nobody kills: made anew at each start, because code and machines change."""
    shutil.rmtree(out / "whole", ignore_errors=True)
    (out / "whole.json").unlink(missing_ok=True)
    found = _in_fork(partial(_to_the_end, films, out / "whole"), out / "whole.json")
    if found["problems"] or found["done"] != FILMS or found["counts"]["tracklets"] < FILMS:
        raise SystemExit(f"the undisturbed run is wrong: {found}")
    return found["seconds"], found["digest"]


def _harvest(films: Path, lake: Path, point: str = "") -> dict[str, Any]:
    """One run; with `point` the process kills itself when it gets there."""
    seen: dict[str, int] = {}

    def hook(reached: str) -> None:
        seen[reached] = seen.get(reached, 0) + 1
        if f"{reached}@{seen[reached]}" == point:
            os.kill(os.getpid(), signal.SIGKILL)

    fork = multiprocessing.get_context("fork")
    hooked: dict[str, Any] = {"multiprocessing.get_context": lambda _=None: fork}  # workers too need no start-up
    hooked["harvest.commit.commit_shard"] = partial(commit_shard, between=hook)
    for place, value in hooked.items():
        module, _, name = place.rpartition(".")
        setattr(importlib.import_module(module), name, value)
    config = HarvestConfig(
        backend="truth", truth_films=films, phis=("keypoints",), workers=2, shard_videos=4, lease_s=3.0
    )
    return dict(run_harvest([films], Lake(lake), config).as_dict())


def _to_the_end(films: Path, folder: Path) -> dict[str, Any]:
    begin = time.monotonic()
    report = _harvest(films, folder)
    seconds = time.monotonic() - begin
    lake = Lake(folder)
    ledger = Ledger.open(lake.root)
    found = reconcile(lake, ledger)
    problems = [*found.problems, *found.repaired]
    if (report["asked"], report["done"]) != (FILMS, FILMS):
        problems.append(f"of {FILMS} films {report['done']} are done")
    digest, counts = hashlib.sha256(), {}
    for name in ORDER:
        rows = lake.read(name)
        rows = rows.drop_columns([column for column in WHEN_COLUMNS if column in rows.column_names])
        counts[name] = rows.num_rows
        digest.update("\n".join([name, *sorted(map(repr, rows.to_pylist()))]).encode())
    return {"digest": digest.hexdigest(), "counts": counts, "problems": problems, "done": report["done"],
            "seconds": seconds}  # fmt: skip


def _in_fork(work: Callable[[], dict[str, Any]], result: Path) -> dict[str, Any]:
    """What `work()` gives in a process of its own; kept in `result`, and taken from there the next time."""
    if not result.exists():
        result.parent.mkdir(parents=True, exist_ok=True)
        status = _fork(lambda: write_json_atomically(result, work()), result.parent, None)
        if status:
            raise RuntimeError(f"exit status {status}: {(result.parent / 'log').read_text()[-2000:]}")
    value: dict[str, Any] = json.loads(result.read_text())
    return value


def _fork(work: Callable[[], object], folder: Path, kill_after_s: float | None) -> int:
    """Run `work` in a new process group; SIGKILL to all of it after that time. Returns the wait status."""
    child = os.fork()
    if child == 0:
        _be_child(work, folder / "log")
    end = time.monotonic() + (_LONGEST_S if kill_after_s is None else kill_after_s)
    pid, status = os.waitpid(child, os.WNOHANG)
    while not pid:
        if time.monotonic() >= end:
            _kill(child)
        time.sleep(min(0.02, max(0.005, end - time.monotonic())))
        pid, status = os.waitpid(child, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # its workers, where it died alone
    return status


def _be_child(work: Callable[[], object], log: Path) -> None:
    code = 1
    try:
        os.setsid()
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, sys.stdout.fileno())
        os.dup2(handle, sys.stderr.fileno())
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _kill(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:  # it leads no group yet
        os.kill(leader, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
