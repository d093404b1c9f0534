"""Which models the quickstart trains: the curve, the ceiling and the single-frame model, each with every seed."""

from dataclasses import replace
from pathlib import Path

from flows.films import STUDY, QuickstartConfig
from flows.study.cells import Cell, HeldOut, StudyContext
from flows.study.parallel import best_on_dev, dev_error, run_cells
from hmmr_model.configs import TrainConfig, tiny
from storage.lake import Lake
from storage.snapshot import freeze


def ground_of(config: QuickstartConfig) -> StudyContext:
    """Freeze the harvested lake and say where everything lies."""
    snapshot = freeze(Lake(config.lake)).digest
    held_out = (HeldOut("films", config.held_out, ("dev", "test")),)
    # A lake that was labelled anew is another study: its points must never be averaged with the old ones.
    return StudyContext(
        f"{STUDY}-{snapshot[:8]}",
        config.lake,
        snapshot,
        config.labelled,
        held_out,
        config.out / "models",
        "hmmr quickstart",
    )


def preset_of(config: QuickstartConfig) -> TrainConfig:
    """The preset that every cell starts from."""
    return replace(tiny(), steps=config.steps, prior_poses=str(config.prior_poses))


def train_and_score(config: QuickstartConfig, context: StudyContext) -> None:
    """Trains and scores every cell. The number of steps without films is first chosen on dev."""
    preset = preset_of(config)
    without = _without_films(config, context, preset)
    cells = [
        Cell("semi", share, seed, preset if share else without) for share in config.shares for seed in config.seeds
    ]
    cells += [Cell("ceiling", 1.0, seed, preset) for seed in config.seeds]
    single = replace(preset, model=replace(preset.model, blocks=0))
    cells += [Cell("single_frame", 1.0, seed, single) for seed in config.seeds]
    run_cells(cells, context, config.workers, "training and scoring")


def _without_films(config: QuickstartConfig, context: StudyContext, preset: TrainConfig) -> TrainConfig:
    """Labelled films alone overfit: equal steps would flatter the added video (docs/scaling_pilot.md 6)."""
    configs = [replace(preset, steps=round(preset.steps * share)) for share in config.step_shares_without_films]
    candidates = [[Cell("candidate", 0.0, seed, train) for seed in config.seeds] for train in configs]
    dev_only = replace(context, held_out=tuple(replace(h, splits=("dev",)) for h in context.held_out))
    run_cells([cell for group in candidates for cell in group], dev_only, config.workers, "steps without films")
    return best_on_dev(candidates, context)


def best_checkpoint(config: QuickstartConfig, context: StudyContext) -> Path:
    """The checkpoint with the lowest dev error among the cells with all films."""
    cells = [Cell("semi", config.shares[-1], seed, preset_of(config)) for seed in config.seeds]
    best = min(cells, key=lambda cell: dev_error([cell], context))
    return context.out / best.run_id(context) / "model.pt"
