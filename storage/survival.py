"""Link rot: how many sources are still there after so many days (Kaplan-Meier), from the table `probes`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from storage.lake import Lake
from storage.tables import rows_to_table

DAY_S = 86_400.0


@dataclass(frozen=True)
class Step:
    """The curve falls to `share` at `days` after harvesting."""

    days: float
    share: float
    at_risk: int


def survival(lake: Lake) -> list[Step]:
    """Survival of the sources since their commit, by the product-limit estimator (Kaplan and Meier 1958).

    A source that was alive at its last probe is censored there; one that was never probed says nothing.
    """
    born = dict(zip(*(lake.read("videos", ["source_id", "committed_at"])[i].to_pylist() for i in (0, 1)), strict=True))
    lives: dict[str, tuple[float, bool]] = {}
    for probe in lake.read("probes").sort_by("probed_at").to_pylist():
        source = probe["source_id"]
        if source in born and not lives.get(source, (0.0, False))[1]:
            lives[source] = ((probe["probed_at"] - born[source]).total_seconds() / DAY_S, not probe["alive"])
    return product_limit(lives.values())


def product_limit(lives: Iterable[tuple[float, bool]]) -> list[Step]:
    """Steps of the curve from (days observed, whether it died then)."""
    ordered = sorted(lives)
    share, steps = 1.0, []
    for days in sorted({days for days, died in ordered if died}):
        at_risk = sum(1 for lived_days, _ in ordered if lived_days >= days)
        deaths = sum(1 for lived_days, died in ordered if died and lived_days == days)
        share *= 1.0 - deaths / at_risk
        steps.append(Step(days, share, at_risk))
    return steps


def probe(lake: Lake, sources: Iterable[tuple[str, str]], ask: Callable[[str], tuple[bool, str]]) -> int:
    """Ask for each (source_id, URL) again and write what came back. `ask(url)` gives (alive, answer)."""
    rows = []
    for source, url in sources:
        alive, answer = ask(url)
        rows.append({"source_id": source, "probed_at": datetime.now(UTC), "alive": alive, "answer": answer})
    if rows:
        lake.append("probes", rows_to_table("probes", rows))
    return len(rows)
