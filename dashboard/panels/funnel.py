"""What was asked for, what came of it, and why the rest did not."""

from collections import Counter

from dashboard.bars import bars
from dashboard.markup import Html, element, join
from dashboard.panel import Panel
from dashboard.tables import facts
from dashboard.units import hours_text
from dashboard.view import LakeView

_STATES = ("done", "rejected", "failed", "pending", "erased")


def funnel_panel(view: LakeView) -> Panel:
    """The ledger's books with the reasons of what did not end well, what the done items gave, rejects by stage."""
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
    listed = ", ".join(f"{value} {state}" for state, value in counts.items())
    ended = sorted(view.item_reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    return join(
        element("p", f"{books.asked} asked = {listed}. {balance}."),
        bars("Items by state", ["state", "items"], [("asked", books.asked), *counts.items()], of=1),
        bars("Why items were rejected or failed", ["reason", "items"], ended, of=1) if ended else None,
    )


def _reasons(view: LakeView) -> Html:
    counts = Counter((row["stage"], row["reason"]) for row in view.rejects)
    frames: Counter[tuple[str, str]] = Counter()
    for row in view.rejects:
        frames[(row["stage"], row["reason"])] += row["n_frames"]
    rows = [(stage, reason, frames[(stage, reason)], count) for (stage, reason), count in counts.most_common()]
    older = f"{view.older_rejects:,} more of earlier labels of the same videos are not counted."
    return join(
        bars("Stretches of frames that were rejected", ["stage", "reason", "frames", "runs"], rows, of=3),
        element("p", older) if view.older_rejects else None,
    )
