"""What a label was made from, as one hash: the same key means the same labels, so nothing is computed again.

The file also decides which fields of a configuration enter an id. Label keys, run ids and film digests are hashes of
configurations. The fields that the configurations had when the first ids were made are hashed in full. A field that
came later is declared with `added_field`, which records what the code did before the field existed; it is hashed only
where its value differs from that record. So a lake, a study and a checkpoint made before the field keep their ids, and
a default that changes later is hashed like any other value.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass
from typing import Any

from storage.json_text import read_object


def digest(value: Any) -> str:
    """SHA-256 of a JSON-able value in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Stage:
    """One step of labelling: its name, the version of its code's behaviour, its settings, its weights."""

    name: str
    version: str
    config: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    """File name to sha256."""


@dataclass(frozen=True)
class Recipe:
    """The stages in order. `code` (a git commit or package version) is told but not hashed: stages have versions."""

    stages: tuple[Stage, ...]
    code: str = ""

    @property
    def digest(self) -> str:
        """Hash of all stages: what `Ledger.ask(recipe=...)` takes."""
        return digest([asdict(stage) for stage in self.stages])

    def label_key(self, content_sha256: str) -> str:
        """Key of the labels of one input."""
        return digest([content_sha256, self.digest])

    def stage_keys(self, content_sha256: str) -> dict[str, str]:
        """Key of each stage's output: input, this stage and all before it. A later threshold changes no earlier key."""
        keys, so_far = {}, content_sha256
        for stage in self.stages:
            so_far = digest([so_far, asdict(stage)])
            keys[stage.name] = so_far
        return keys

    def to_json(self) -> str:
        """For the column videos.recipe."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """What `to_json` wrote; ValueError if it is something else."""
        try:
            raw = read_object(text)
            return cls(tuple(Stage(**stage) for stage in raw["stages"]), raw.get("code", ""))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a recipe: {error}") from error


_ABSENT = "absent"


def added_field(default: Any, *, absent: Any = MISSING) -> Any:
    """A dataclass field that did not exist when the first ids were made.

    Args:
        default: The field's default, today.
        absent: What the code did before the field existed; `default` if it is not given. Never change it: ids of
            configurations without the field depend on it. If `default` changes later, write the old one here.
    """
    return field(default=default, metadata={_ABSENT: default if absent is MISSING else absent})


def absent_values(kind: Any) -> dict[str, Any]:
    """Name and recorded value of each field of a dataclass that was declared with `added_field`."""
    return {setting.name: setting.metadata[_ABSENT] for setting in fields(kind) if _ABSENT in setting.metadata}


def identity(config: Any) -> dict[str, Any]:
    """`dataclasses.asdict` of a configuration without the later fields that hold their recorded value.

    Two configurations that do the same have the same identity, whether or not a later field was known when one of them
    was hashed. Lists and dictionaries of configurations are walked as `asdict` walks them.
    """
    held = [setting for setting in fields(config) if not _is_absent(setting, config)]
    return {setting.name: _plain(getattr(config, setting.name)) for setting in held}


def _is_absent(one: "Field[Any]", config: Any) -> bool:
    if _ABSENT not in one.metadata:
        return False
    value, recorded = getattr(config, one.name), one.metadata[_ABSENT]
    return type(value) is type(recorded) and bool(value == recorded)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return identity(value)
    if isinstance(value, tuple | list):
        return type(value)([_plain(item) for item in value])
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value
