"""The kinds of trials by name, in the order in which they run."""

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import addresses
import media
import readers
from forks import Fault, disturbed, in_fork
from operations import STORED, Content, Operation
from pipelines import PIPELINES

Run = Callable[[int, Sequence[int], Path], Iterator[dict[str, Any]]]
BOUND_S = 300.0
"""Wall time that one trial of a fault may take, beside other work on the machine."""


REDIRECTED = 60
"""Addresses that a page redirects to: the first ones of the table, which are the spellings of hosts."""


@dataclass(frozen=True)
class Kind:
    """How many trials there are, and what yields a row for each of the given numbers."""

    trials: int
    run: Run
    group: str = "faults"


def _fault_kind(operation: Operation, fault: str) -> Run:
    def run(seed: int, trials: Sequence[int], out: Path) -> Iterator[dict[str, Any]]:
        place = out / "work" / operation.name.replace(" ", "_")
        seconds, whole = _undisturbed(operation, place)
        for trial in trials:
            chance = random.Random(f"{seed}/{operation.name}/{fault}/{trial}")
            yield _trial(operation, fault, trial, chance, place, seconds, whole)
        shutil.rmtree(place, ignore_errors=True)

    return run


def _undisturbed(operation: Operation, place: Path) -> tuple[float, Content]:
    """Seconds and content of a run that nothing disturbs; made anew at each start, since code and machines change."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    base, folder = place / "base", place / "now"
    in_fork(lambda: operation.prepare(_made(folder)) and None, place / "base.json")
    shutil.copytree(folder, base, symlinks=True)

    def both() -> dict[str, Any]:
        begin = time.monotonic()
        operation.run(folder)
        return {"seconds": time.monotonic() - begin, "content": operation.content(folder)}

    done = in_fork(both, place / "whole.json")
    return done["seconds"], done["content"]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _trial(
    operation: Operation, fault: str, trial: int, chance: random.Random, place: Path, seconds: float, whole: Content
) -> dict[str, Any]:
    begin, folder, at, struck = time.monotonic(), place / "now", 0.0, 0
    at, problem, early = chance.uniform(0.02, 1.0), "", 1.0
    while not struck and early > 0.02:  # a run that ended before its moment came is no trial: an earlier moment then
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(place / "base", folder, symlinks=True)
        struck, problem = disturbed(operation.run, folder, Fault(fault, at * early), seconds, place / "disturbed.log")
        early *= 0.6
    counts = {"lost": 0, "doubled": 0, "left": 0}
    if not problem:
        try:
            done = in_fork(lambda: {"content": operation.run(folder) or operation.content(folder)}, place / "end.json")
            problem, counts = _difference(done["content"], whole)
        except RuntimeError as error:
            problem = str(error)
    took = time.monotonic() - begin
    problem = problem or (f"took {took:.0f} s" if took > BOUND_S else "")
    if problem:
        kept = place.with_name(f"bad-{place.name}-{fault}-{trial}".replace(" ", "_"))
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(folder, kept)
    return {"trial": trial, "what": f"{fault} at {at * early / 0.6:.3f}", "struck": struck, **counts,
            "seconds": round(took, 2), "problem": problem}  # fmt: skip


def _difference(content: Content, whole: Content) -> tuple[str, dict[str, int]]:
    """What is not as in the undisturbed run: in words, and counted as lost, doubled and left."""
    words, counts = [], {"lost": 0, "doubled": 0, "left": len(content.get("left", []))}
    if counts["left"]:
        words.append(f"left: {content['left'][:3]}")
    for name in {**whole, **content}:
        expected, found = Counter(whole.get(name, [])), Counter(content.get(name, []))
        missing, more = expected - found, found - expected
        if name not in ("problems", "leftovers", "left", "unnamed files", "temporary folders"):
            counts["lost"] += missing.total()
            counts["doubled"] += more.total()
        if missing or more:
            words.append(f"{name}: missing {list(missing)[:3]}, more {list(more)[:3]}")
    return "; ".join(words), counts


def fault_kinds() -> dict[str, Kind]:
    """A kind for each operation and fault."""
    return {f"{operation.name}: {fault}": Kind(operation.trials, _fault_kind(operation, fault))
            for operation in (*STORED, *PIPELINES) for fault in operation.faults}  # fmt: skip


def media_kinds() -> dict[str, Kind]:
    """A kind for each damage, and whole harvests of damaged files."""
    kinds = {f"media: {name}": Kind(media.FILES, media.run_kind(name), "media") for name in media.KINDS}
    return {**kinds, "media: whole harvests": Kind(4, media.harvest_folders, "media")}


def reader_kinds() -> dict[str, Kind]:
    """A kind for each reader."""
    return {f"readers: {name}": Kind(readers.FILES, readers.run_reader(name), "readers") for name in readers.READERS}


KINDS: dict[str, Kind] = {
    **media_kinds(),
    **reader_kinds(),
    "addresses: asked for": Kind(addresses.ADDRESSES, addresses.asked_for, "addresses"),
    "addresses: redirected to": Kind(REDIRECTED, addresses.redirected_to, "addresses"),
    "wordings: the tests' table": Kind(addresses.WORDINGS, addresses.wordings, "wordings"),
    **fault_kinds(),
}
