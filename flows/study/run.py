"""A data-scale study from its grid to its page: train and score what is missing, fit the laws, write the page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dashboard.page import Own, export
from evaluation.study.config import StudyConfig, read_study
from evaluation.study.grid import GridCell, all_series, candidates, cells
from evaluation.study.lake import keep_reports
from evaluation.study.presets import PRESETS
from flows.provenance import code_commit
from flows.study.baselines import score_baselines
from flows.study.begin import LabelledSets, begin, cell_of, hours_of, labelled_sets, train_config
from flows.study.cells import Cell, StudyContext
from flows.study.labels import compare_versions, of_version, with_versions
from flows.study.parallel import Pair, Workers, best_on_dev, run_cells, run_pairs
from flows.study.places import Places, held_out_set
from flows.study.worst import show_worst
from hmmr_model.configs import TrainConfig
from storage.lake import Lake
from storage.snapshot import load

INTRO = (
    "A data-scale study: the same training on nested amounts of harvested video. Every setting was chosen on dev. "
    "Where people are synthetic and their motion is written by hand, the numbers say how the method uses added video, "
    "not how well it would do on yours."
)


def run_study(
    study: str, lake: str | Path, labelled: str | Path, held_out: str | Path, out: Path, workers: Workers
) -> Path:
    """The study of that preset or YAML file on the films of these lakes, scored on dev; returns the page's path."""
    places = Places(lake, labelled, (held_out_set(str(held_out)),), out)
    return study_on(config_of(study), places, workers, f"hmmr study run {study}")


def config_of(study: str) -> StudyConfig:
    """A preset's name, or the path of a YAML file; StudyConfigError says what is wrong with it."""
    return PRESETS[study] if study in PRESETS else read_study(Path(study))


@dataclass(frozen=True)
class Begun:
    """A study whose data are settled: its context, the training that every cell starts from, the labelled sets."""

    config: StudyConfig
    context: StudyContext
    base: TrainConfig
    sets: LabelledSets

    def cell(self, cell: GridCell) -> Cell:
        """The training of a grid's cell."""
        return cell_of(cell, self.base, self.sets)

    def relabelled(self, series: Sequence[GridCell]) -> bool:
        """Whether a series has other labels than the main one, whose baselines then are its own: they see no pool."""
        return bool(self.config.labels) and series[0].labels != self.config.labels[0]

    def cells(self, series: Sequence[GridCell], without: Sequence[Cell]) -> list[Cell]:
        """The trainings of one series, and beside them the models without film of its φ."""
        phis = {cell.phi_name for cell in series}
        beside = [cell for cell in without if cell.train.data.phi_name in phis]
        return [*map(self.cell, series), *beside]


def study_on(config: StudyConfig, places: Places, workers: Workers, command: str, *, score_test: bool = False) -> Path:
    """Runs every cell that lacks scores, then the statistics; returns the page, OUT/NAME.html.

    It may be killed and run again. Only dev is scored unless `score_test`; the caller then makes sure that the
    configuration is frozen by a commit (refuse_unless_frozen).
    """
    config = with_versions(config, Lake(places.lake))
    context = begin(config, places, command, score_test=score_test)
    sets = labelled_sets(Lake(places.labelled), config.labelled, config.seeds)
    study = Begun(config, context, base_config(config, places), sets)
    labelled_hours = hours_of(Lake(places.labelled), sets, config.labelled[0])
    pool = load(Lake(places.lake), context.snapshot)
    pool_hours = (of_version(Lake(places.lake), pool, config.labels[0]) if config.labels else pool).hours
    series: dict[str, list[GridCell]] = {}
    for cell in cells(config, labelled_hours, pool_hours):
        series.setdefault(cell.series, []).append(cell)
    sizes = dict.fromkeys(grid_cells[0].labelled for grid_cells in series.values())
    without = {size: _without_film(study, size, workers) for size in sizes}
    listed = {
        name: study.cells(grid_cells, [] if study.relabelled(grid_cells) else without[grid_cells[0].labelled])
        for name, grid_cells in series.items()
    }
    pairs: list[Pair] = [
        (cell, replace(context, study=name)) for name, grid_cells in listed.items() for cell in grid_cells
    ]
    run_pairs(pairs, workers, config.name)
    for name, grid_cells in series.items():
        _series_ends(study, replace(context, study=name), grid_cells, listed[name])
    compare_versions(Lake(places.lake), config, command)
    return export(Lake(places.lake), places.out / f"{config.name}.html", title=f"Study {config.name}",
                  own=Own(intro=INTRO))  # fmt: skip


def _series_ends(study: Begun, context: StudyContext, series: Sequence[GridCell], listed: Sequence[Cell]) -> None:
    """Baselines and statistics of one series, and of the main one the worst sequences of each φ."""
    for phi_name in () if study.relabelled(series) else dict.fromkeys(cell.train.data.phi_name for cell in listed):
        sets = {seed: study.sets[series[0].labelled, seed] for seed in study.config.seeds}
        score_baselines(context, phi_name, sets)
    keep_reports(Lake(context.lake), context.study, command=context.command, commit=code_commit())
    if context.study != all_series(study.config)[0].name:
        return
    for phi_name in study.config.phi:
        fed = [cell for cell in listed if cell.variant == "semi" and cell.train.data.phi_name == phi_name]
        show_worst(max(fed, key=lambda cell: cell.share), context, context.dev)


def base_config(config: StudyConfig, places: Places) -> TrainConfig:
    """The training that every cell starts from."""
    base = train_config(config.train)
    return replace(base, prior_poses=str(places.prior_poses)) if places.prior_poses else base


def _without_film(study: Begun, labelled: int | None, workers: Workers) -> list[Cell]:
    """For each φ the cells without film at the number of steps that is best on dev. The page draws them as a line."""
    grid_cells = list(candidates(study.config, labelled))
    if not grid_cells:
        return []
    dev_only = (replace(study.context.dev, splits=("dev",)),)
    dev = replace(study.context, study=grid_cells[0].series, held_out=dev_only)
    run_cells([study.cell(cell) for cell in grid_cells], dev, workers, "steps without film")
    chosen = []
    for phi_name in dict.fromkeys(cell.phi_name for cell in grid_cells):
        groups: dict[float, list[Cell]] = {}
        for cell in grid_cells:
            if cell.phi_name == phi_name:
                groups.setdefault(cell.step_share, []).append(study.cell(cell))
        best = best_on_dev(list(groups.values()), dev)
        best_cells = [cell for group in groups.values() for cell in group if cell.train == best]
        chosen += [replace(cell, variant="no_film_best_step") for cell in best_cells]
    return chosen
