"""What was asked for, what came of it, and why the rest did not."""

from collections import Counter

from dashboard.charts import Chart, Choice, chart_html, new_figure
from dashboard.markup import Html, element, join, plotly_text
from dashboard.palette import colour
from dashboard.panel import Panel
from dashboard.tables import facts, table
from dashboard.units import clipped, hours_text
from dashboard.view import LakeView

_STATES = ("done", "rejected", "failed", "pending", "erased")


def funnel_panel(view: LakeView) -> Panel:
    """The ledger's books, what the done items gave, and the reasons of rejection by stage."""
    frames = sum(row["n_frames"] for row in view.tracklets)
    hours = sum(row["seconds"] for row in view.tracklets) / 3600
    given = facts(
        [("videos", len(view.videos)), ("tracklets", f"{len(view.tracklets):,}"), ("person-frames", f"{frames:,}"),
         ("person-time", hours_text(hours))]
    )  # fmt: skip
    return Panel("funnel", "Harvest", join(_books(view), given, _reasons(view)))


def _books(view: LakeView) -> Html:
    books = view.books
    if books is None:
        return element("p", "This lake has no ledger: nothing was asked for through it.", class_="empty")
    counts = {state: int(getattr(books, state)) for state in _STATES}
    total = sum(counts.values())
    balance = "The books balance" if total == books.asked else f"The books are off by {books.asked - total}"
    figure = new_figure("items", "", height=300)
    names = ["asked", *_STATES]
    values = [books.asked, *counts.values()]
    figure.add_bar(y=names[::-1], x=values[::-1], orientation="h", text=values[::-1], textposition="auto",
                   marker={"color": [colour(6 - place) for place in range(6)]}, hoverinfo="skip")  # fmt: skip
    listed = ", ".join(f"{value} {state}" for state, value in counts.items())
    chart = Chart("funnel", f"Bar chart of items: {books.asked} asked, {listed}", [Choice("items", figure)])
    return join(element("p", f"{books.asked} asked = {listed}. {balance}."), chart_html(chart))


def _reasons(view: LakeView) -> Html:
    counts = Counter((row["stage"], row["reason"]) for row in view.rejects)
    frames: Counter[tuple[str, str]] = Counter()
    for row in view.rejects:
        frames[(row["stage"], row["reason"])] += row["n_frames"]
    rows = [(stage, reason, count, frames[(stage, reason)]) for (stage, reason), count in counts.most_common()]
    drawn = None
    if rows:
        figure = new_figure("rejected runs of frames", "", height=max(220, 60 + 34 * len(rows)))
        names, counted = [plotly_text(clipped(row[1])) for row in rows], [row[2] for row in rows]
        figure.add_bar(y=names[::-1], x=counted[::-1], orientation="h", marker={"color": colour(1)},
                       hovertemplate="%{y}: %{x}<extra></extra>")  # fmt: skip
        label = "Bar chart of reasons of rejection; the table below it holds the same numbers"
        drawn = chart_html(Chart("reasons", label, [Choice("reasons", figure)]))
    return join(drawn, table("Reasons of rejection", ["stage", "reason", "runs", "frames"], rows))
