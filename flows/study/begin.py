"""What is settled before a study's first training, and stays the same when it is killed and goes on."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from evaluation.study.config import StudyConfig, StudyConfigError
from evaluation.study.grid import GridCell
from flows.study.context import Cell, HeldOut, StudyContext
from flows.study.labelled import LabelledSets
from flows.study.labels import frozen_film
from flows.study.places import Places, check_truth, perfect_pool
from hmmr_model.configs import TrainConfig
from storage.atomic import write_json_atomically
from storage.json_text import read_object
from storage.lake import Lake
from storage.snapshot import load

_FIXED = ("train", "labels")
"""What may not change under a study's name: rows of before and after would be drawn as one curve."""


def begin(config: StudyConfig, places: Places, command: str, *, score_test: bool) -> StudyContext:
    """What the cells of a study share. StudyConfigError names what the lakes lack for this grid."""
    held_out = places.scored_on(score_test=score_test)
    check_truth(config, places.lake, places.perfect)
    kept = _kept(config, places.out)
    digest = str(kept["snapshot"]) if kept else frozen_film(Lake(places.lake), config).digest
    snapshot = load(Lake(places.lake), digest)
    if not snapshot.members:
        raise StudyConfigError(f"{places.lake}: no tracklet of the study's snapshot is there; harvest first")
    perfect = perfect_pool(places.perfect, config.phi) if config.perfect_2d else None
    context = StudyContext(config.name, places.lake, snapshot.digest, places.labelled, held_out, places.out / "models",
                    command, perfect)  # fmt: skip
    for phi_name in config.phi:
        if not context.dev.has(phi_name):
            raise StudyConfigError(f"phi {phi_name}: {context.dev.lake} was harvested without it")
    if not kept:
        write_json_atomically(_file(config, places.out), {"snapshot": digest, "study": asdict(config)})
    return context


def unscored(held_out: Sequence[HeldOut], phis: tuple[str, ...]) -> list[str]:
    """Words about test sets that lack a φ, and so are not scored with it."""
    return [
        f"{one.dataset} was harvested without {phi_name} and is not scored with it"
        for one in held_out
        for phi_name in phis
        if not one.has(phi_name)
    ]


def cell_of(cell: GridCell, base: TrainConfig, sets: LabelledSets) -> Cell:
    """The training of a grid's cell."""
    train = replace(base, steps=max(round(base.steps * cell.step_share), 1),
                    data=replace(base.data, phi_name=cell.phi_name))  # fmt: skip
    return Cell(cell.variant, cell.share, cell.seed, train, sets[cell.labelled, cell.seed], cell.noise, cell.labels)


def _kept(config: StudyConfig, out: Path) -> dict[str, Any] | None:
    """What the study was begun with; StudyConfigError where its training was another, whose rows would be mixed in."""
    file = _file(config, out)
    if not file.exists():
        return None
    try:
        kept = read_object(file.read_bytes())
        before = {key: _plain(key, kept["study"].get(key, [])) for key in _FIXED}
        str(kept["snapshot"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyConfigError(f"{file} cannot be read ({error}); remove it to begin anew") from error
    for key, old in before.items():
        now = _plain(key, json.loads(json.dumps(getattr(config, key))))
        if old != now:
            raise StudyConfigError(
                f"study {config.name} was begun with {key} {old}, now it is {now}: "
                f"give it another name, so that its rows are not mixed with the old ones"
            )
    return kept


def _plain(key: str, value: Any) -> Any:
    return dict(value) if key == "train" else list(value)


def _file(config: StudyConfig, out: Path) -> Path:
    return out / f"{config.name}.json"
