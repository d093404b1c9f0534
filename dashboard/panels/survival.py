"""How many of the harvested videos are still on the web."""

from dashboard.charts import Chart, Choice, chart_html, new_figure
from dashboard.markup import element, join
from dashboard.palette import colour
from dashboard.panel import Panel
from dashboard.survival import lives, survival
from dashboard.units import when
from dashboard.view import LakeView


def survival_panel(view: LakeView) -> Panel:
    """The survival curve of links, from the rows that `hmmr lake probe` leaves."""
    found = lives(view.videos, view.probes)
    if not found:
        said = "No source has been asked for again; hmmr lake probe does it, politely."
        return Panel("survival", "Are the videos still there?", element("p", said, class_="empty"))
    curve = survival(found)
    gone = sum(life.gone for life in found)
    figure = new_figure("days since the harvest", "share still there", height=320)
    figure.add_scatter(x=[x for x, _ in curve], y=[y for _, y in curve], mode="lines",
                       line={"shape": "hv", "color": colour(0), "width": 3}, hovertemplate="%{y:.1%} at %{x:.0f} d"
                       "<extra></extra>")  # fmt: skip
    figure.update_yaxes(range=[0, 1.05], tickformat=".0%")
    last = max(row["probed_at"] for row in view.probes)
    said = (
        f"{gone} of {len(found)} sources were gone by the last look ({when(last)}). Only 404, 410 and 451 count as "
        "gone; sources that are still there count until the day they were last seen (Kaplan-Meier)."
    )
    label = f"Survival curve of links: {gone} of {len(found)} gone"
    chart = chart_html(Chart("survival", label, [Choice("survival", figure)]))
    return Panel("survival", "Are the videos still there?", join(element("p", said), chart))
