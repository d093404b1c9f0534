"""The label versions of a lake: labels of one recipe, whichever video they are of.

A label_key belongs to one video; what a lake was labelled by, and can be compared by, is the recipe behind it. A
version is named by its recipe's digest or by any label_key of it, by their first 8 or more digits. Labels without a
recipe (lakes of schema 1, imported tracks) are versions of their own, named by their label_key.

Legend: V versions, N rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import LabelsMissing
from storage.json_text import MISFIT
from storage.labels.key import Recipe
from storage.labels.versions import NewestKeys, newest_among
from storage.labels.words import what_differs
from storage.lake import LakeReader

LEAST_DIGITS = 8
"""Of a digest's beginning that is taken for the digest."""

_COLUMNS = ["source_id", "label_key", "committed_at"]


@dataclass(frozen=True)
class LabelVersion:
    """All labels of one recipe. `digest` is the recipe's, or the label_key where there is no recipe."""

    digest: str
    recipe: Recipe | None
    keys: frozenset[str]
    """Its label_keys: of each video one, and another where the video's own bytes have changed."""
    began: datetime
    """When its first row was written."""

    def answers_to(self, name: str) -> bool:
        """Whether a user who writes `name`, and nothing is called just so, may mean this one."""
        return len(name) >= LEAST_DIGITS and any(known.startswith(name) for known in (self.digest, *self.keys))

    def holds(self, table: pa.Table) -> pa.ChunkedArray:
        """For each of N rows with a label_key whether it is of this version."""
        return pc.is_in(table["label_key"], value_set=pa.array(sorted(self.keys), pa.string()))


def label_versions(lake: LakeReader) -> list[LabelVersion]:
    """Every version that the lake has labels of, the oldest first. `videos` of them may have kept no tracklet."""
    videos = lake.read("videos", ["label_key", "recipe", "committed_at"])
    tracks = lake.read("tracklets", ["label_key", "committed_at"])
    tracks = tracks.append_column("recipe", pa.nulls(tracks.num_rows, pa.string())).select(videos.column_names)
    grouped = pa.concat_tables([videos, tracks]).group_by("label_key")
    keys_by_digest: dict[str, list[tuple[str, Recipe | None, datetime]]] = {}
    recipes: dict[str, Recipe | None] = {}
    for row in grouped.aggregate([("recipe", "max"), ("committed_at", "min")]).to_pylist():
        recipe = _recipe(row["recipe_max"], recipes)
        digest = row["label_key"] if recipe is None else recipe.digest
        keys_by_digest.setdefault(digest, []).append((row["label_key"], recipe, row["committed_at_min"]))
    versions = [
        LabelVersion(digest, rows[0][1], frozenset(key for key, _, _ in rows), min(at for _, _, at in rows))
        for digest, rows in keys_by_digest.items()
    ]
    return sorted(versions, key=lambda version: (version.began, version.digest))


def version_named(lake: LakeReader, name: str, among: Sequence[LabelVersion] | None = None) -> LabelVersion:
    """The version that `name` is the digest, a label_key, or the beginning of one of. LabelsMissing lists all."""
    every = label_versions(lake) if among is None else among
    exact = [version for version in every if name in (version.digest, *version.keys)]
    matches = exact or [version for version in every if version.answers_to(name)]
    if len(matches) != 1:
        choices = "; ".join(f"{version.digest[:12]} ({words})" for version, words in told(every)) or "none"
        why = "no labels" if not matches else f"{len(matches)} versions of labels"
        raise LabelsMissing(f"{lake.root} has {why} {name!r}; there are: {choices}")
    return matches[0]


def told(versions: Sequence[LabelVersion]) -> list[tuple[LabelVersion, str]]:
    """Each version with words for what sets it apart from the first."""
    return list(zip(versions, what_differs([version.recipe for version in versions]), strict=True))


def newest_of(lake: LakeReader, version: LabelVersion) -> NewestKeys:
    """Of every source the newest label_key of this version: a video whose bytes have changed has two."""
    rows = pa.concat_tables([lake.read(name, _COLUMNS) for name in ("videos", "tracklets")])
    return newest_among(rows.filter(version.holds(rows)))


def _recipe(text: str | None, known: dict[str, Recipe | None]) -> Recipe | None:
    """A recipe of the table; None where there is none, or a stranger wrote something else there."""
    if text and text not in known:
        known[text] = _read(text)
    return known[text] if text else None


def _read(text: str) -> Recipe | None:
    try:
        recipe = Recipe.from_json(text)
        plain = all(isinstance(s.config, dict) and isinstance(s.weights, dict) for s in recipe.stages)
        return recipe if plain and recipe.digest and what_differs([recipe]) else None
    except MISFIT:
        return None
