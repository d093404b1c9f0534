"""A data-scale study from its grid to its page: train and score what is missing, fit the laws, write the page."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from dashboard.page import export
from evaluation.study_grid import GridCell, StudyConfig, candidates, cells, read_study
from evaluation.study_lake import keep_reports
from evaluation.study_presets import PRESETS
from flows.baselines import score_baselines
from flows.cells import Cell, Ground, HeldOut
from flows.choose import best_on_dev
from flows.pool import Pair, run_cells, run_pairs
from flows.provenance import code_commit
from flows.study_perfect import PERFECT, copy_perfect, perfect_ground
from flows.study_places import Places
from flows.study_train import train_config
from flows.study_worst import show_worst
from hmmr_model.configs import TrainConfig
from storage.atomic import write_json_atomically
from storage.lake import Lake
from storage.snapshot import freeze, load, select

INTRO = (
    "A data-scale study: the same training on nested amounts of harvested video. Every setting was chosen on dev. "
    "Where people are synthetic and their motion is written by hand, the numbers say how the method uses added video, "
    "not how well it would do on yours."
)


def run_study(study: str, lake: Path, labelled: Path, held_out: Path, out: Path, workers: int) -> Path:
    """The study of that preset or YAML file on the films of these lakes; returns the page's path."""
    films = (HeldOut("films", held_out, ("dev", "test")),)
    return study_on(config_of(study), Places(lake, labelled, films, out), workers, f"hmmr study run {study}")


def config_of(study: str) -> StudyConfig:
    """A preset's name, or the path of a YAML file; StudyConfigError says what is wrong with it."""
    return PRESETS[study] if study in PRESETS else read_study(Path(study))


def study_on(config: StudyConfig, places: Places, workers: int, command: str) -> Path:
    """Run every cell that the lake has no scores of, then the statistics, then OUT/NAME.html. Safe to kill."""
    base = base_config(config, places)
    ground = Ground(config.name, places.lake, snapshot_of(config, places), places.labelled, places.held_out,
                    places.out / "models", command)  # fmt: skip
    perfect = perfect_ground(config, places, ground)
    labelled_hours = select(Lake(places.labelled)).hours
    pool_hours = load(Lake(places.lake), ground.snapshot).hours
    without = _without_film(config, base, ground, workers)
    pairs: dict[str, list[Pair]] = {}
    for cell in cells(config, labelled_hours, pool_hours):
        here = perfect if perfect is not None and cell.variant == PERFECT else ground
        pairs.setdefault(cell.series, []).append((_cell(cell, base), replace(here, study=cell.series)))
    for name, listed in pairs.items():
        listed += [(cell, replace(ground, study=name)) for cell in without]
    run_pairs([pair for listed in pairs.values() for pair in listed], workers, config.name)
    for name, listed in pairs.items():
        _series_ends(config, places, replace(ground, study=name), [cell for cell, _ in listed])
    return export(Lake(places.lake), places.out / f"{config.name}.html", title=f"Study {config.name}", intro=INTRO)


def _series_ends(config: StudyConfig, places: Places, ground: Ground, listed: Sequence[Cell]) -> None:
    """Baselines, statistics and worst sequences of one series."""
    for phi_name in config.phi:
        score_baselines(ground, phi_name)
    if places.perfect is not None:
        copy_perfect(places.perfect, places.lake, ground.study)
    keep_reports(Lake(places.lake), ground.study, command=ground.command, commit=code_commit())
    fed = next(cell for cell in listed if cell.variant == "semi" and cell.share == config.shares[-1])
    for held_out in _with_dev(ground):
        show_worst(fed, ground, held_out)


def base_config(config: StudyConfig, places: Places) -> TrainConfig:
    """The training that every cell starts from."""
    base = train_config(config.train)
    return replace(base, prior_poses=str(places.prior_poses)) if places.prior_poses else base


def snapshot_of(config: StudyConfig, places: Places) -> str:
    """The snapshot that the study was begun with: it stays the same when the lake grows while the study runs."""
    kept = places.out / f"{config.name}.json"
    if kept.exists():
        return str(json.loads(kept.read_text())["snapshot"])
    digest = freeze(Lake(places.lake)).digest
    write_json_atomically(kept, {"snapshot": digest, "study": asdict(config)})
    return digest


def _without_film(config: StudyConfig, base: TrainConfig, ground: Ground, workers: int) -> list[Cell]:
    """Of each φ the model without film at the number of steps that is best on dev: a line of its own on the page."""
    tried = list(candidates(config))
    if not tried:
        return []
    dev = replace(ground, study=tried[0].series, held_out=tuple(replace(h, splits=("dev",)) for h in _with_dev(ground)))
    run_cells([_cell(cell, base) for cell in tried], dev, workers, "steps without film")
    chosen = []
    for phi_name in config.phi:
        groups: dict[float, list[Cell]] = {}
        for cell in tried:
            if cell.phi_name == phi_name:
                groups.setdefault(cell.step_share, []).append(_cell(cell, base))
        best = best_on_dev(list(groups.values()), dev)
        chosen += [Cell("no_film_best_step", 0.0, seed, best) for seed in config.seeds]
    return chosen


def _with_dev(ground: Ground) -> Sequence[HeldOut]:
    return [held_out for held_out in ground.held_out if "dev" in held_out.splits]


def _cell(cell: GridCell, base: TrainConfig) -> Cell:
    train = replace(base, steps=max(round(base.steps * cell.step_share), 1),
                    data=replace(base.data, phi_name=cell.phi_name))  # fmt: skip
    return Cell(cell.variant, cell.share, cell.seed, train)
