"""Which state of which data the numbers belong to: table versions, snapshots, labellers."""

from collections import Counter

from dashboard.left_out import left_out
from dashboard.markup import element, join
from dashboard.panel import Panel
from dashboard.tables import table
from dashboard.units import hours_text
from dashboard.view import LakeView


def versions_panel(view: LakeView) -> Panel:
    """Versions of the lake's tables, its frozen snapshots, and which backend and preset made the labels."""
    versions = [(name, version if version >= 0 else "not written") for name, version in view.versions.items()]
    snapshots = [
        (element("code", frozen.digest), len(frozen.members), len(frozen.sources), hours_text(frozen.hours))
        for frozen in view.snapshots
    ]
    labellers = Counter((row["backend"], row["preset"]) for row in view.tracklets)
    made = [(backend, preset, count) for (backend, preset), count in labellers.most_common()]
    return Panel(
        "versions",
        "Snapshots and versions",
        join(
            table("Frozen snapshots", ["digest", "tracklets", "videos", "person-time"], snapshots),
            left_out("these snapshots are damaged: delete their files and freeze them again", view.damaged),
            table("Version of each table", ["table", "version"], versions),
            table("Who labelled", ["2D backend", "filter preset", "tracklets"], made),
        ),
    )
