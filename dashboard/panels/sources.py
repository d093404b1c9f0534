"""Hours by licence, host and source: where the usable video came from, by what right, and whether it is still there.

How long links live is the Kaplan-Meier estimate (JASA 53, 1958).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from dashboard.charts import Axis, Chart, Choice, Dot, Figure, Series, chart_html, colour
from dashboard.markup import Cells, Html, Panel, element, folded, hours_text, join, table, when
from dashboard.view import LakeView, Row


def sources_panel(view: LakeView) -> Panel:
    """Tracklets and person-hours grouped by licence, by host, by tag, and by video."""
    return Panel(
        "sources",
        "Hours by source and licence",
        join(
            *[_table(view, f"By {kind}", kind) for kind in ("licence", "host", "tag")],
            folded("Every video", _table(view, "By video", "video")),
        ),
    )


def _table(view: LakeView, caption: str, kind: str) -> Html:
    groups = view.totals.by.get(kind, ())
    rows: list[Cells] = [
        (group.name, group.videos, group.tracklets, hours_text(group.seconds / 3600)) for group in groups
    ]
    heads = [kind, "videos", "tracklets", "person-time"]
    return table(caption, heads, rows, limit=100, of=view.totals.groups.get(kind, 0))


_DAY_S = 86_400.0


@dataclass(frozen=True)
class Life:
    """One source: days from its harvest to the last look, and whether it was gone by then."""

    days: float
    gone: bool


def survival_panel(view: LakeView) -> Panel:
    """The survival curve of links, from the rows that `hmmr lake probe` leaves."""
    links = lives(view.harvested, view.probes)
    if not links:
        summary = "No source has been asked for again; hmmr lake probe does it, politely."
        return Panel("survival", "Are the videos still there?", element("p", summary, class_="empty"))
    curve = survival(links)
    gone = sum(life.gone for life in links)
    dots = [Dot(days, share, f"{share:.1%} at {days:.0f} days") for days, share in curve]
    line = Series("", dots, colour(0), step=True, width=3)
    axes = Axis("days since the harvest"), Axis("share still there", percent=True, zero=True)
    figure = Figure(*axes, [line], height=320)
    last = max(row["probed_at"] for row in view.probes)
    summary = (
        f"{gone} of {len(links)} sources were gone by the last look ({when(last)}). Only 404, 410 and 451 count as "
        "gone; sources that are still there count until the day they were last seen (Kaplan-Meier)."
    )
    label = f"Survival curve of links: {gone} of {len(links)} gone"
    chart = chart_html(Chart("survival", label, [Choice("survival", figure)]))
    return Panel("survival", "Are the videos still there?", join(element("p", summary), chart))


def lives(harvested: Mapping[str, datetime], probes: Iterable[Row]) -> list[Life]:
    """Of every source that was asked for again; it is gone from the first look that did not find it."""
    looks: dict[str, list[tuple[datetime, bool]]] = {}
    for row in probes:
        if row["source_id"] in harvested:
            looks.setdefault(row["source_id"], []).append((row["probed_at"], row["alive"]))
    links = []
    for source, source_looks in looks.items():
        dead = [at for at, alive in source_looks if not alive]
        end = min(dead) if dead else max(at for at, _ in source_looks)
        links.append(Life(max((end - harvested[source]).total_seconds() / _DAY_S, 0.0), bool(dead)))
    return links


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
