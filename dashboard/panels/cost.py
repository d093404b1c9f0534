"""What the labels cost: seconds of each stage of the harvest, per hour of video and per tracklet."""

from collections import defaultdict

from dashboard.markup import Panel, element, join, number, table
from dashboard.view import LakeView
from storage.stats import stage_seconds


def cost_panel(view: LakeView) -> Panel:
    """Wall and CPU seconds by stage over all videos, and of the training runs."""
    totals: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in view.videos:
        for stage, seconds in stage_seconds(row["stage_seconds"]).items():
            for kind, value in seconds.items():
                totals[stage][kind] += value
    video_seconds = sum(row["duration_s"] for row in view.videos)
    kinds = sorted({kind for seconds in totals.values() for kind in seconds})
    rows = [
        (stage, *[number(round(seconds.get(kind, 0.0), 1)) for kind in kinds],
         *[number(seconds.get(kind, 0.0) / video_seconds) if video_seconds else None for kind in kinds])
        for stage, seconds in sorted(totals.items())
    ]  # fmt: skip
    heads = ["stage", *[f"{kind}, s" for kind in kinds], *[f"{kind}: hours an hour of video" for kind in kinds]]
    trained = [row["seconds"] for row in view.runs if row["kind"] == "train"]
    said = f"{len(trained)} training runs took {number(round(sum(trained) / 3600, 3))} hours in all." if trained else ""
    kept = sum(row["bytes"] for row in view.videos)
    bytes_said = f"{kept / 1e6:,.1f} MB of video were fetched; its pixels are not kept." if kept else ""
    return Panel("cost", "Cost", join(table("Harvest by stage", heads, rows), element("p", f"{said} {bytes_said}")))
