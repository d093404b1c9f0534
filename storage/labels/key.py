"""What a label was made from, as one hash: the same key means the same labels, so nothing is computed again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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
