"""Settles what a study needs before its first training, and keeps it the same when the study is resumed.

Read from the top: the frozen pool and the test sets (begin), the labelled set of each series and seed, the training
that a cell starts from, and what a commit must hold before a test set is scored.
"""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from evaluation.study.config import Change, StudyConfig, StudyConfigError
from evaluation.study.grid import GridCell
from flows.provenance import code_commit
from flows.study.cells import Cell, HeldOut, StudyContext
from flows.study.labels import frozen_film
from flows.study.places import Places, check_truth, perfect_pool
from hmmr_model.configs import PRESETS, TrainConfig
from storage.atomic import write_json_atomically
from storage.json_text import read_object
from storage.lake import Lake
from storage.snapshot import Snapshot, load, select, source_order
from storage.tables import read_labels3d

_FIXED = ("train", "labels")
"""Keys that may not change under a study's name, since old and new rows would be drawn as one curve."""


def begin(config: StudyConfig, places: Places, command: str, *, score_test: bool) -> StudyContext:
    """The context that all cells of a study share, with the pool frozen on the first call.

    StudyConfigError names what the lakes lack for this grid, or a setting that changed since the study was begun.
    """
    held_out = places.scored_on(score_test=score_test)
    check_truth(config, places.lake, places.perfect)
    begun = _kept(config, places.out)
    digest = str(begun["snapshot"]) if begun else frozen_film(Lake(places.lake), config).digest
    snapshot = load(Lake(places.lake), digest)
    if not snapshot.members:
        raise StudyConfigError(f"{places.lake}: no tracklet of the study's snapshot is there; harvest first")
    perfect = perfect_pool(places.perfect, config.phi) if config.perfect_2d else None
    context = StudyContext(config.name, places.lake, snapshot.digest, places.labelled, held_out, places.out / "models",
                    command, perfect)  # fmt: skip
    for phi_name in config.phi:
        if not context.dev.has(phi_name):
            raise StudyConfigError(f"phi {phi_name}: {context.dev.lake} was harvested without it")
    if not begun:
        write_json_atomically(_file(config, places.out), {"snapshot": digest, "study": asdict(config)})
    return context


def unscored(held_out: Sequence[HeldOut], phis: tuple[str, ...]) -> list[str]:
    """One line for each test set and φ that are not scored, because the set was harvested without the φ."""
    return [
        f"{test_set.dataset} was harvested without {phi_name} and is not scored with it"
        for test_set in held_out
        for phi_name in phis
        if not test_set.has(phi_name)
    ]


def _kept(config: StudyConfig, out: Path) -> dict[str, Any] | None:
    """The stored beginning of the study; None for a new one.

    StudyConfigError where it was begun with other training settings, since old and new rows would be mixed.
    """
    file = _file(config, out)
    if not file.exists():
        return None
    try:
        begun = read_object(file.read_bytes())
        begun_with = {key: _plain(key, begun["study"].get(key, [])) for key in _FIXED}
        str(begun["snapshot"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyConfigError(f"{file} cannot be read ({error}); remove it to begin anew") from error
    for key, old in begun_with.items():
        now = _plain(key, json.loads(json.dumps(getattr(config, key))))
        if old != now:
            raise StudyConfigError(
                f"study {config.name} was begun with {key} {old}, now it is {now}: "
                f"give it another name, so that its rows are not mixed with the old ones"
            )
    return begun


def _plain(key: str, value: Any) -> Any:
    return dict(value) if key == "train" else list(value)


def _file(config: StudyConfig, out: Path) -> Path:
    return out / f"{config.name}.json"


LabelledSets = Mapping[tuple[int | None, int], tuple[str, ...]]
"""Tracklet ids by number of sources (None: all) and seed."""


def labelled_sets(lake: Lake, sizes: Sequence[int | None], seeds: Sequence[int]) -> LabelledSets:
    """Tracklets with 3D of so many sources, nested by the sources' stable hash and drawn anew for each seed.

    StudyConfigError where there are fewer sources, or none.
    """
    labels = read_labels3d(lake)
    members = [
        member
        for member in select(lake).members
        if member.tracklet_id in labels and labels[member.tracklet_id].valid.any()
    ]
    pool = Snapshot(tuple(members))
    if not pool.sources:
        raise StudyConfigError(f"--labelled {lake.root}: no tracklet has 3D labels")
    largest = max((size for size in sizes if size is not None), default=0)
    if largest > len(pool.sources):
        raise StudyConfigError(
            f"labelled: {largest} sources are asked for, {lake.root} has {len(pool.sources)} with 3D; `all` takes all"
        )
    return {(size, seed): _first(pool, size, seed) for size in sizes for seed in seeds}


def hours_of(lake: Lake, sets: LabelledSets, size: int | None) -> float:
    """Hours of the labelled sets of `size` sources, mean over the seeds."""
    seconds = {member.tracklet_id: member.seconds for member in select(lake).members}
    totals = [
        sum(seconds[tracklet_id] for tracklet_id in ids) for (n_sources, _), ids in sets.items() if n_sources == size
    ]
    return sum(totals) / len(totals) / 3600.0


def _first(pool: Snapshot, size: int | None, seed: int) -> tuple[str, ...]:
    sources = set(pool.sources if size is None else source_order(pool.sources, seed)[:size])
    return tuple(member.tracklet_id for member in pool.members if member.source_id in sources)


def cell_of(cell: GridCell, base: TrainConfig, sets: LabelledSets) -> Cell:
    """The cell of a grid as a training: `base` with its number of steps, its φ and its labelled tracklets."""
    train = replace(base, steps=max(round(base.steps * cell.step_share), 1),
                    data=replace(base.data, phi_name=cell.phi_name))  # fmt: skip
    return Cell(
        variant=cell.variant, share=cell.share, seed=cell.seed, train=train,
        labelled_ids=sets[cell.labelled, cell.seed], noise=cell.noise, labels=cell.labels, spread=cell.spread,
    )  # fmt: skip


def train_config(changes: Iterable[tuple[str, Change]]) -> TrainConfig:
    """The preset named by `preset` (else `open`) with the other changes made; StudyConfigError names a bad one."""
    settings = dict(changes)
    name = settings.pop("preset", "open")
    if name not in PRESETS:
        raise StudyConfigError(f"train.preset: no preset {name}; there are {', '.join(PRESETS)}")
    config: Any = PRESETS[str(name)]()
    for path, value in settings.items():
        config = _changed(config, path.split("."), value, path)
    train: TrainConfig = config
    return train


def _changed(config: Any, parts: list[str], value: Change, path: str) -> Any:
    known = {field.name for field in fields(config)}
    if parts[0] not in known:
        raise StudyConfigError(f"train.{path}: no such setting; here are {', '.join(sorted(known))}")
    old = getattr(config, parts[0])
    if len(parts) > 1 and is_dataclass(old):
        return replace(config, **{parts[0]: _changed(old, parts[1:], value, path)})
    if len(parts) > 1 or is_dataclass(old):
        raise StudyConfigError(f"train.{path}: name one setting, such as train.steps or train.model.blocks")
    kind = (int, float) if isinstance(old, float) else type(old)
    if old is not None and value is not None and not isinstance(value, kind):
        raise StudyConfigError(f"train.{path}: wanted {type(old).__name__}, got {value!r}")
    return replace(config, **{parts[0]: value})


WAY_OUT = "commit it first; until then score dev, without --score-test"


def refuse_unless_frozen(study: Path | None, commit: str | None = None) -> None:
    """StudyConfigError where the code (`commit`, by default that of this checkout) or the study's file is not what a
    commit holds. A preset has no file: it is code."""
    running = code_commit() if commit is None else commit
    if running == "unknown":
        raise StudyConfigError("--score-test: this code is in no git checkout, so no commit could be named")
    if running.endswith("+changes"):
        raise StudyConfigError(f"--score-test: the code differs from commit {running[:12]}: {WAY_OUT}")
    if study is not None and not _committed(study):
        raise StudyConfigError(f"--score-test: {study} is not as a commit has it: {WAY_OUT}")


def _committed(file: Path) -> bool:
    """Whether git knows the file and its content is the last commit's."""
    try:
        resolved = file.resolve()
        git = ["git", "-C", str(resolved.parent)]
        committed = subprocess.run([*git, "show", f"HEAD:./{resolved.name}"], capture_output=True, check=True).stdout
        return committed == resolved.read_bytes()
    except (OSError, subprocess.CalledProcessError):
        return False
