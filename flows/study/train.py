"""The training of a study's cell: a preset with changes by dotted name, such as `model.blocks`."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from evaluation.study.config import Change, StudyConfigError
from hmmr_model.configs import TrainConfig
from hmmr_model.presets import PRESETS


def train_config(changes: Iterable[tuple[str, Change]]) -> TrainConfig:
    """The preset named by `preset` (else `open`) with the other changes made; StudyConfigError names a bad one."""
    wanted = dict(changes)
    name = wanted.pop("preset", "open")
    if name not in PRESETS:
        raise StudyConfigError(f"train.preset: no preset {name}; there are {', '.join(PRESETS)}")
    config: Any = PRESETS[str(name)]()
    for path, value in wanted.items():
        config = _changed(config, path.split("."), value, path)
    made: TrainConfig = config
    return made


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
