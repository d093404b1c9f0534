"""Which data: train on coalitions of the pool's parts, rank the parts, and say what to harvest next."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from evaluation.study.config import StudyConfig, StudyConfigError
from evaluation.study.groups import CUTS, cut
from evaluation.study.parts import PART, Coalition, Worth, coalitions, keep_ranking, largest_groups, part_study, ranking
from flows.provenance import code_commit
from flows.study.begin import begin, labelled_sets
from flows.study.cells import Cell, StudyContext
from flows.study.labels import of_version, with_versions
from flows.study.parallel import Pair, run_pairs
from flows.study.places import Places
from flows.study.run import base_config
from storage.lake import Lake
from storage.snapshot import Snapshot, load, save

METRIC = "pa_mpjpe_mm"
SPLIT = "dev"
"""What to harvest next is a choice, and every choice is made on dev (docs/design.md)."""


def rank_parts(config: StudyConfig, places: Places, by: str, workers: int, command: str) -> list[Worth]:
    """Train on parts of the pool, cut by one of CUTS, with the same seeds and steps; the most worth per hour first."""
    if by not in CUTS:
        raise StudyConfigError(f"--by {by}: the pool can be cut by {', '.join(CUTS)}")
    began = datetime.now(UTC)
    lake = Lake(places.lake)
    config = with_versions(config, lake)
    settled = begin(replace(config, ceilings=(), perfect_2d=()), places, command, score_test=False)
    pool = load(lake, settled.snapshot)
    pool = of_version(lake, pool, config.labels[0]) if config.labels else pool
    parts = _parts(lake, pool, by)
    if len(parts) < 2:
        raise StudyConfigError(f"--by {by}: the pool has {len(parts)} part, so there is nothing to compare")
    context = replace(settled, held_out=(settled.dev,))
    base = base_config(config, places)
    train = replace(base, data=replace(base.data, phi_name=config.phi[0]))
    labelled = config.labelled[0]
    sets = labelled_sets(Lake(places.labelled), (labelled,), config.seeds)
    cells = [Cell(PART, 1.0, seed, train, sets[labelled, seed]) for seed in config.seeds]
    pairs: list[Pair] = []
    for coalition in coalitions(sorted(parts)):
        coalition_context = replace(context, study=part_study(config.name, by, coalition))
        pairs += _cells_of(coalition, parts, pool, coalition_context, cells)
    run_pairs(pairs, workers, f"{config.name} by {by}")
    hours = {name: part.hours for name, part in parts.items()}
    dataset = settled.dev.dataset
    worths = ranking(lake, config.name, by, hours, dataset=dataset, split=SPLIT, metric=METRIC)
    which = {"study": config.name, "by": by, "dataset": dataset, "split": SPLIT, "metric": METRIC}
    keep_ranking(lake, worths, which, command=command, commit=code_commit(), began=began)
    return worths


def _parts(lake: Lake, pool: Snapshot, by: str) -> dict[str, Snapshot]:
    """The pool's parts by name. Small parts are joined into one, so that all coalitions can be trained."""
    groups = cut(lake, pool.tracklet_ids, by)
    seconds = {member.tracklet_id: member.seconds for member in pool.members}
    named = largest_groups({name: sum(seconds[tracklet_id] for tracklet_id in ids) for name, ids in groups.items()})
    merged: dict[str, set[str]] = {}
    for name, ids in groups.items():
        merged.setdefault(named[name], set()).update(ids)
    return {name: _only(pool, ids) for name, ids in merged.items()}


def _only(pool: Snapshot, ids: set[str]) -> Snapshot:
    return Snapshot(tuple(member for member in pool.members if member.tracklet_id in ids), pool.tables)


def _cells_of(
    coalition: Coalition, parts: dict[str, Snapshot], pool: Snapshot, context: StudyContext, cells: Sequence[Cell]
) -> list[Pair]:
    """The cells, trained on the film of these parts alone; the empty coalition trains on no film."""
    film = (
        _only(pool, {tracklet_id for name in coalition for tracklet_id in parts[name].tracklet_ids})
        if coalition
        else pool
    )
    save(Lake(context.lake), film)
    film_context = replace(context, snapshot=film.digest)
    return [(cell if coalition else replace(cell, share=0.0), film_context) for cell in cells]
