"""A person drawn from keypoints alone: no pixel of the film is needed or kept.

J = 25 keypoints of the lake, each (x, y, score) in px of the source frame.
"""

from collections.abc import Sequence

from dashboard.charts import LEFT, MIDDLE, RIGHT
from dashboard.markup import Html, element

BONES_RIGHT: tuple[tuple[int, int], ...] = ((8, 7), (7, 6), (2, 1), (1, 24), (24, 20), (24, 0), (8, 2))
BONES_LEFT: tuple[tuple[int, int], ...] = ((9, 10), (10, 11), (3, 4), (4, 23), (23, 19), (23, 5), (9, 3))
BONES_MIDDLE: tuple[tuple[int, int], ...] = ((8, 9), (2, 3), (12, 13), (12, 14))
"""Pairs of slots of the universal 25, by the person's own sides. test_skeleton holds them against body/joints.py."""

_COLOURED = ((BONES_RIGHT, RIGHT), (BONES_LEFT, LEFT), (BONES_MIDDLE, MIDDLE))

Point = tuple[float, float]


def read_points(row: Sequence[float]) -> list[Point | None]:
    """The 25 points of one row of 75 numbers; None for a joint with score 0 or without a finite place."""
    points: list[Point | None] = []
    for x, y, score in zip(row[0::3], row[1::3], row[2::3], strict=True):
        seen = score > 0 and abs(x) < 1e6 and abs(y) < 1e6
        points.append((float(x), float(y)) if seen else None)
    return points


def skeleton(row: Sequence[float], *, size: int = 96, label: str = "skeleton") -> Html:
    """An SVG of one frame, scaled into size x size px; an empty frame says so instead of drawing nothing."""
    points = read_points(row)
    seen = [point for point in points if point is not None]
    if not seen:
        return element("svg", element("text", "no joint", x=size // 2, y=size // 2, text_anchor="middle",
                                      font_size=12), **_frame(size, label))  # fmt: skip
    placed = [_place(point, seen, size) for point in points]
    lines = [_line(placed[a], placed[b], tint) for bones, tint in _COLOURED for a, b in bones]
    dots = [element("circle", cx=f"{p[0]:.1f}", cy=f"{p[1]:.1f}", r=1.6, fill=MIDDLE) for p in placed if p]
    return element("svg", *[line for line in lines if line], *dots, **_frame(size, label))


def _frame(size: int, label: str) -> dict[str, str | int]:
    return {"viewBox": f"0 0 {size} {size}", "width": size, "height": size, "role": "img", "aria_label": label}


def _place(point: Point | None, seen: Sequence[Point], size: int, margin: float = 6.0) -> Point | None:
    if point is None:
        return None
    left, right = min(x for x, _ in seen), max(x for x, _ in seen)
    top, bottom = min(y for _, y in seen), max(y for _, y in seen)
    scale = (size - 2 * margin) / max(right - left, bottom - top, 1.0)
    return (
        size / 2 + (point[0] - (left + right) / 2) * scale,
        size / 2 + (point[1] - (top + bottom) / 2) * scale,
    )


def _line(start: Point | None, end: Point | None, tint: str) -> Html | None:
    if start is None or end is None:
        return None
    ends = {"x1": f"{start[0]:.1f}", "y1": f"{start[1]:.1f}", "x2": f"{end[0]:.1f}", "y2": f"{end[1]:.1f}"}
    return element("line", **ends, stroke=tint, stroke_width=2.4, stroke_linecap="round")
