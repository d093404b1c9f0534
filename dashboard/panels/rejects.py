"""Examples of what was rejected and why, drawn from keypoints: no pixel of a video is kept."""

from dashboard.markup import Html, element, join
from dashboard.panel import Panel
from dashboard.skeleton import skeleton
from dashboard.tables import number
from dashboard.view import LakeView, Row

_FRAMES_OF_AN_EXAMPLE = 3


def rejects_panel(view: LakeView) -> Panel:
    """For each reason a few rejected runs, with the measured value beside the threshold."""
    if not view.reject_examples:
        return Panel("rejects", "Rejected, by example", element("p", "Nothing has been rejected yet.", class_="empty"))
    note = element("p", "Blue is the person's left side, orange the right.")
    return Panel("rejects", "Rejected, by example", join(note, *[_reason(*p) for p in view.reject_examples.items()]))


def _reason(reason: str, examples: object) -> Html:
    rows = examples if isinstance(examples, list) else []
    if not rows:
        return join(element("h3", reason), element("p", "No keypoints were kept of these.", class_="empty"))
    return join(element("h3", reason), element("div", *[_example(row) for row in rows], class_="strip"))


def _example(row: Row) -> Html:
    frames = list(row["keypoints"])[:_FRAMES_OF_AN_EXAMPLE]
    poses = [skeleton(frame, label=f"pose rejected as {row['reason']}") for frame in frames]
    said = f"{row['n_frames']} frames, {row['stage']}: {_against(row)}"
    return element("figure", element("div", *poses, class_="poses"), element("figcaption", said))


def _against(row: Row) -> str:
    if row["measured"] is None:
        return "no measured value"
    against = "" if row["threshold"] is None else f", threshold {number(row['threshold'])}"
    return f"measured {number(row['measured'])}{against}"
