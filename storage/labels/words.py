"""What sets label versions apart, in words that a legend can hold: `preset strict`, `smoothing 0.06 s`.

The first version is what the others are held against: it tells its own side of every difference, each other one only
what it does otherwise. V versions; a facet is one thing that a recipe says, by name.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from storage.labels.key import Recipe, Stage

NO_RECIPE = "labels without a recipe"
ONLY = "the only labels"

_HEADLINES = {"people": "backend", "filter": "preset", "smooth": "smoothing", "scores": "scores", "phi": "phi"}
"""Stages whose settings have a short name of their own, which is enough wherever it tells them apart."""
_DIGITS, _MOST = 8, 60

Facets = Mapping[str, str]


def what_differs(recipes_V: Sequence[Recipe | None]) -> list[str]:
    """Words for each recipe: ONLY where there is nothing to differ from, NO_RECIPE where there is none."""
    facets = [_facets(recipe) for recipe in recipes_V if recipe is not None]
    if not facets:
        return [NO_RECIPE for _ in recipes_V]
    differing = _differing(facets)
    return [NO_RECIPE if recipe is None else _words(_facets(recipe), facets[0], differing) for recipe in recipes_V]


def _differing(facets: Sequence[Facets]) -> list[str]:
    """Names of the facets that are not the same in all, without settings whose headline tells as much."""
    names = list(dict.fromkeys(name for recipe_facets in facets for name in recipe_facets))
    differing = [name for name in names if len({recipe_facets.get(name) for recipe_facets in facets}) > 1]
    enough = {stage for stage, headline in _HEADLINES.items() if _tells(headline, stage, facets)}
    return [name for name in differing if _stage_of(name) not in enough]


def _tells(headline: str, stage: str, facets: Sequence[Facets]) -> bool:
    """Whether recipes with other settings of the stage always have another headline."""
    headlines_and_details = {
        (recipe_facets[headline], tuple(sorted(_details(recipe_facets, stage).items()))) for recipe_facets in facets
    }
    return len({name for name, _ in headlines_and_details}) == len(headlines_and_details)


def _details(found: Facets, stage: str) -> dict[str, str]:
    return {name: value for name, value in found.items() if _stage_of(name) == stage}


def _stage_of(name: str) -> str | None:
    """The stage of a setting `filter.min_frames`; None for a headline."""
    return name.split(".")[0].split("/")[0] if "." in name else None


def _words(own: Facets, first: Facets, differing: Sequence[str]) -> str:
    mine = [name for name in differing if own.get(name) != first.get(name)] if own != first else list(differing)
    return ", ".join(_said(name, own.get(name)) for name in mine) or ONLY


def _said(name: str, value: str | None) -> str:
    if value is None or value == "none":
        return f"no {name}"
    return f"{value} scores" if name == "scores" else f"{name} {value[:_MOST]}"


def _facets(recipe: Recipe) -> Facets:
    """Everything that a recipe's digest is made from, and before it the headlines."""
    stages = {stage.name: stage for stage in recipe.stages}
    smooth = stages.get("smooth")
    facets = {
        "backend": _setting(stages.get("people"), "backend"),
        "preset": _setting(stages.get("filter"), "name"),
        "smoothing": "none" if smooth is None else f"{_setting(smooth, 'sigma_s')} s",
        "scores": "calibrated" if "scores" in stages else "raw",
        "phi": "+".join(name.removeprefix("phi/") for name in stages if name.startswith("phi/")) or "none",
    }
    for stage in recipe.stages:
        facets[f"{stage.name}.version"] = stage.version
        facets |= {f"{stage.name}.{name}": _text(value) for name, value in stage.config.items()}
        facets |= {f"{stage.name}.{name}": str(sha256)[:_DIGITS] for name, sha256 in stage.weights.items()}
    return facets


def _setting(stage: Stage | None, name: str) -> str:
    return "none" if stage is None else _text(stage.config.get(name))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
