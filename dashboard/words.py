"""What a number of seeds can and cannot say, in words that a reader without statistics can use."""

from dashboard.curve_data import Curve
from dashboard.units import hours_text

_ENOUGH = 3
"""Fewer runs a size than this give no honest interval (docs/conventions.md 7)."""


def seeds_say(seeds: int) -> str:
    """What this many runs of each size can carry."""
    if seeds <= 0:
        return "No run has been scored yet, so nothing can be said."
    chance = f"1 of {2**seeds:,}" if seeds < 40 else "next to no"
    if seeds == 1:
        return (
            "One seed: the curve shows one run of each size. It cannot tell an effect of the added video from the luck "
            "of one start: without any effect it would go down in 1 of 2 cases."
        )
    can = f"{_count(seeds)} seeds: if the added video did nothing, all of them would still fall in {chance} cases."
    if seeds < _ENOUGH:
        return (
            f"{can} They show the direction and its rough size. They cannot give an interval, rule out that single "
            "steps go up, or tell one law of decay from another: that takes at least three seeds and five sizes."
        )
    return (
        f"{can} With the test sequences they give intervals and a verdict; effects smaller than the spread between the "
        "seeds stay invisible, and nothing here speaks of sizes beyond the largest one."
    )


def direction(curve: Curve) -> str:
    """What happened from the smallest to the largest size, seed by seed."""
    hours = curve.hours
    if len(hours) < 2:
        return f"{curve.name}: only one size has been scored, so there is no curve yet."
    first, last = ({p.seed: p.value for p in curve.points if p.hours == size} for size in (hours[0], hours[-1]))
    shared = sorted(first.keys() & last.keys())
    better = sum(last[seed] < first[seed] for seed in shared)
    start, end = curve.mean(hours[0]), curve.mean(hours[-1])
    relative = (end - start) / start * 100 if start else 0.0
    span = f"from {hours_text(hours[0])} to {hours_text(hours[-1])}"
    return f"{curve.name}: {end - start:+.1f} ({relative:+.1f} %) {span}; lower in {better} of {len(shared)} seeds."


def _count(seeds: int) -> str:
    return {2: "Two", 3: "Three", 4: "Four", 5: "Five"}.get(seeds, f"{seeds}")
