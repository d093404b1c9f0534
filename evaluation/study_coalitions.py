"""Which parts of the pool to train on, to learn what each part is worth.

A coalition is a set of groups (sources, tags, deciles of confidence ...) whose film is added together.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

Coalition = frozenset[str]

MOST_SHAPLEY = 6
"""Groups beyond which all 2^n coalitions are too many to train (issue 7)."""


def coalitions(groups: Sequence[str]) -> list[Coalition]:
    """None, all, each alone, each left out; and up to six groups every other subset as well, for Shapley values."""
    every = frozenset(groups)
    needed = {frozenset(), every, *(frozenset({g}) for g in groups), *(every - {g} for g in groups)}
    if len(groups) <= MOST_SHAPLEY:
        needed |= {frozenset(part) for size in range(len(groups) + 1) for part in combinations(groups, size)}
    return sorted(needed, key=lambda coalition: (len(coalition), sorted(coalition)))


def coalition_name(coalition: Coalition) -> str:
    """Its name in `scores`: the groups, sorted; 'none' for no film."""
    return "+".join(sorted(coalition)) or "none"


def largest_groups(hours: Mapping[str, float], most: int = MOST_SHAPLEY) -> dict[str, str]:
    """Each group's own name if it is among those with the most hours; the small ones together are 'other'."""
    order = sorted(hours, key=lambda group: (-hours[group], group))
    kept = order if len(order) <= most else order[: most - 1]
    return {group: group if group in kept else "other" for group in order}
