"""A reliability diagram: what scores say against what is true. An SVG, so that it needs no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from dashboard.markup import Html, element
from dashboard.palette import colour

_SIZE, _MARGIN = 300, 44
_INNER = _SIZE - 2 * _MARGIN
_LARGEST_PX, _SMALLEST_PX = 12.0, 2.5


@dataclass(frozen=True)
class Band:
    """Scores of one band: their mean, the share that is right, both 0 to 1, and how many there are."""

    said: float
    right: float
    count: float


def reliability(bands: Sequence[Band], label: str) -> Html:
    """A dot a band, its area in proportion to its count; on the dashed line a score means what it says."""
    most = max((band.count for band in bands), default=1.0) or 1.0
    tint = colour(0)
    line = element("polyline", points=" ".join(f"{_x(b.said):.1f},{_y(b.right):.1f}" for b in bands), fill="none",
                   stroke=tint, stroke_width=1.5)  # fmt: skip
    dots = [_dot(band, most, tint) for band in bands]
    ideal = element("line", x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(1), stroke="#555", stroke_dasharray="4 4")
    return element(
        "svg", *_axes(), ideal, line, *dots, viewBox=f"0 0 {_SIZE} {_SIZE}", width=_SIZE, height=_SIZE, role="img",
        aria_label=label, style="max-width: 100%; height: auto",
    )  # fmt: skip


def _dot(band: Band, most: float, tint: str) -> Html:
    radius = max(_SMALLEST_PX, _LARGEST_PX * sqrt(max(band.count, 0.0) / most))
    told = element("title", f"says {band.said:.3f}, right {band.right:.3f}, {band.count:,.0f} joints")
    return element("circle", told, cx=f"{_x(band.said):.1f}", cy=f"{_y(band.right):.1f}", r=f"{radius:.1f}", fill=tint,
                   fill_opacity=0.75)  # fmt: skip


def _axes() -> list[Html]:
    parts = [element("rect", x=_MARGIN, y=_MARGIN, width=_INNER, height=_INNER, fill="#fafafa", stroke="#999")]
    for share in (0.0, 0.5, 1.0):
        text = f"{share:g}"
        parts.append(element("text", text, x=_x(share), y=_y(0) + 16, text_anchor="middle", font_size=12))
        parts.append(element("text", text, x=_MARGIN - 6, y=_y(share) + 4, text_anchor="end", font_size=12))
    parts.append(element("text", "what the score says", x=_SIZE / 2, y=_SIZE - 8, text_anchor="middle", font_size=13))
    parts.append(element("text", "share that is right", x=14, y=_SIZE / 2, text_anchor="middle", font_size=13,
                         transform=f"rotate(-90 14 {_SIZE // 2})"))  # fmt: skip
    return parts


def _x(share: float) -> float:
    return _MARGIN + _INNER * min(max(share, 0.0), 1.0)


def _y(share: float) -> float:
    return _SIZE - _MARGIN - _INNER * min(max(share, 0.0), 1.0)
