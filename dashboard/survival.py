"""How long videos stay on the web after they were harvested: the Kaplan-Meier estimate (JASA 53, 1958)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dashboard.view import Row

_DAY_S = 86_400.0


@dataclass(frozen=True)
class Life:
    """One source: days from its harvest to the last look, and whether it was gone by then."""

    days: float
    gone: bool


def lives(videos: Iterable[Row], probes: Iterable[Row]) -> list[Life]:
    """Of every source that was asked for again; it is gone from the first look that did not find it."""
    harvested = {row["source_id"]: row["committed_at"] for row in videos}
    looks: dict[str, list[tuple[datetime, bool]]] = {}
    for row in probes:
        if row["source_id"] in harvested:
            looks.setdefault(row["source_id"], []).append((row["probed_at"], row["alive"]))
    made = []
    for source, found in looks.items():
        dead = [at for at, alive in found if not alive]
        end = min(dead) if dead else max(at for at, _ in found)
        made.append(Life(max((end - harvested[source]).total_seconds() / _DAY_S, 0.0), bool(dead)))
    return made


def survival(found: Iterable[Life]) -> list[tuple[float, float]]:
    """(days, share still there) after each day on which something went; starts at (0, 1)."""
    ordered = sorted(found, key=lambda life: life.days)
    curve, share = [(0.0, 1.0)], 1.0
    for days in sorted({life.days for life in ordered if life.gone}):
        at_risk = sum(life.days >= days for life in ordered)
        lost = sum(life.gone and life.days == days for life in ordered)
        share *= 1 - lost / at_risk
        curve.append((days, share))
    if ordered:
        curve.append((ordered[-1].days, share))
    return curve
