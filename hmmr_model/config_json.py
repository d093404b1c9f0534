"""Configurations to JSON and back, for checkpoints and `runs` rows. Reading checks every name and type."""

import dataclasses
import json
import types
import typing
from typing import Any, TypeVar

from hmmr_model.configs import TrainConfig
from storage.config_identity import absent_values, identity
from storage.json_text import BadJsonError, number, read_json

T = TypeVar("T")

LATER = {
    "config.data.target_margin": 0,
    "config.loss.pseudo_start": 0.0,
    "config.loss.pseudo_full": 0.0,
    "config.loss.acceleration": 0.0,
}
"""Settings that came after the first checkpoints were written, and what those did. They are part of every run id;
settings that came after them are declared with `added_field`."""


class BadConfigError(ValueError):
    """A configuration that is not ours; the message names the field."""


def to_json(config: TrainConfig) -> str:
    """The configuration as text, for checkpoints, `runs` rows and run ids; equal configurations give equal text.

    A later field that holds its recorded value is left out (storage/config_identity.py), so that ids stay."""
    return json.dumps(identity(config), sort_keys=True)


def from_json(text: str) -> TrainConfig:
    """The configuration that `to_json` wrote. Raises BadConfigError on unknown, missing or mistyped fields."""
    try:
        value = read_json(text)
    except BadJsonError as error:
        raise BadConfigError(f"configuration is not JSON: {error}") from error
    return _build(TrainConfig, value, "config")


def _build(kind: type[T], value: Any, where: str) -> T:
    if not isinstance(value, dict):
        raise BadConfigError(f"{where} is {type(value).__name__}, not an object")
    hints = typing.get_type_hints(kind)
    early = {name: LATER[f"{where}.{name}"] for name in hints if f"{where}.{name}" in LATER}
    value = early | {name: absent for name, absent in absent_values(kind).items() if name not in value} | value
    if set(value) != set(hints):
        strange = ", ".join(sorted(set(value) ^ set(hints)))
        raise BadConfigError(f"{where}: fields differ from this version's: {strange}")
    return kind(**{name: _read(hint, value[name], f"{where}.{name}") for name, hint in hints.items()})


def _read(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast(type[Any], hint), value, where)
    if origin is tuple and isinstance(value, list):
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) == len(value):
            return tuple(_read(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    if origin is typing.Literal and value in arguments:
        return value
    if origin is types.UnionType and (value is None or isinstance(value, str)):
        return value
    if hint is float:
        return _float(value, where)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise BadConfigError(f"{where}: {value!r} is not {hint}")


def _float(value: Any, where: str) -> float:
    try:
        return number(value)
    except BadJsonError as error:
        raise BadConfigError(f"{where}: {error}") from error
