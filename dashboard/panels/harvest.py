"""What was asked for, what came of it and at what cost, why the rest did not, and examples of what was rejected.

Examples are drawn from keypoints: no pixel of a video is kept.
"""

from dashboard.markup import Html, Panel, bars, element, facts, hours_text, join, number, table
from dashboard.skeleton import skeleton
from dashboard.view import LakeView, Row

_STATES = ("done", "rejected", "failed", "pending", "erased")


def funnel_panel(view: LakeView) -> Panel:
    """The ledger's books with the reasons of what did not end well, what the done items gave, rejects by stage."""
    totals = view.totals
    given = facts(
        [("videos", f"{totals.videos:,}"), ("tracklets", f"{totals.tracklets:,}"),
         ("person-frames", f"{totals.frames:,}"), ("person-time", hours_text(totals.seconds / 3600))]
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
    older = f"{view.older_rejects:,} more of earlier labels of the same videos are not counted."
    return join(
        bars(
            "Stretches of frames that were rejected", ["stage", "reason", "frames", "runs"], view.totals.rejects, of=3
        ),
        element("p", older) if view.older_rejects else None,
    )


_FRAMES_OF_AN_EXAMPLE = 3


def rejects_panel(view: LakeView) -> Panel:
    """For each reason a few rejected runs, with the measured value beside the threshold."""
    if not view.reject_examples:
        return Panel("rejects", "Rejected, by example", element("p", "Nothing has been rejected yet.", class_="empty"))
    note = element("p", "Blue is the person's left side, orange the right.")
    return Panel(
        "rejects", "Rejected, by example", join(note, *[_examples_of(*p) for p in view.reject_examples.items()])
    )


def _examples_of(reason: str, examples: object) -> Html:
    rows = examples if isinstance(examples, list) else []
    if not rows:
        return join(element("h3", reason), element("p", "No keypoints were kept of these.", class_="empty"))
    return join(element("h3", reason), element("div", *[_example(row) for row in rows], class_="strip"))


def _example(row: Row) -> Html:
    frames = list(row["keypoints"])[:_FRAMES_OF_AN_EXAMPLE]
    poses = [skeleton(frame, label=f"pose rejected as {row['reason']}") for frame in frames]
    caption = f"{row['n_frames']} frames, {row['stage']}: {_against(row)}"
    return element("figure", element("div", *poses, class_="poses"), element("figcaption", caption))


def _against(row: Row) -> str:
    if row["measured"] is None:
        return "no measured value"
    against = "" if row["threshold"] is None else f", threshold {number(row['threshold'])}"
    return f"measured {number(row['measured'])}{against}"


def cost_panel(view: LakeView) -> Panel:
    """Wall and CPU seconds by stage over all videos, and of the training runs."""
    totals, video_seconds = view.totals.stages, view.totals.video_seconds
    kinds = sorted({kind for seconds in totals.values() for kind in seconds})
    rows = [
        (stage, *[number(round(seconds.get(kind, 0.0), 1)) for kind in kinds],
         *[number(seconds.get(kind, 0.0) / video_seconds) if video_seconds else None for kind in kinds])
        for stage, seconds in sorted(totals.items())
    ]  # fmt: skip
    heads = ["stage", *[f"{kind}, s" for kind in kinds], *[f"{kind}: hours an hour of video" for kind in kinds]]
    trained = [row["seconds"] for row in view.runs if row["kind"] == "train"]
    training_cost = (
        f"{len(trained)} training runs took {number(round(sum(trained) / 3600, 3))} hours in all." if trained else ""
    )
    kept = view.totals.video_bytes
    fetched_size = f"{kept / 1e6:,.1f} MB of video were fetched; its pixels are not kept." if kept else ""
    return Panel(
        "cost", "Cost", join(table("Harvest by stage", heads, rows), element("p", f"{training_cost} {fetched_size}"))
    )
