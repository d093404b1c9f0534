"""The axis of added hours: each doubling the same width, and zero at a place of its own left of a break."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.units import hours_text

_MOST_TICKS = 9
_LEAST_GAP = 0.3
"""Of a doubling, between two ticks."""


@dataclass(frozen=True)
class HoursAxis:
    """Zero lies at 0, the smallest positive size at 1, each doubling one further."""

    smallest: float
    sizes: tuple[float, ...]

    @classmethod
    def of(cls, hours: Iterable[float]) -> "HoursAxis":
        """The axis that shows all of these sizes."""
        sizes = tuple(sorted(set(hours)))
        positive = [size for size in sizes if size > 0]
        return cls(positive[0] if positive else 1.0, sizes)

    def place(self, hours: float) -> float:
        """Where a size lies."""
        return 0.0 if hours <= 0 else 1.0 + math.log2(hours / self.smallest)

    def _apart(self) -> list[float]:
        """The sizes without those so near to the one before that their ticks would be written over each other."""
        kept: list[float] = []
        for size in self.sizes:
            if not kept or self.place(size) - self.place(kept[-1]) >= _LEAST_GAP:
                kept.append(size)
        return kept

    def apply(self, figure: go.Figure) -> None:
        """Ticks at the sizes themselves, and the break after zero."""
        apart = self._apart()
        shown = apart[:: max(1, math.ceil(len(apart) / _MOST_TICKS))]
        figure.update_xaxes(tickvals=[self.place(size) for size in shown], ticktext=[hours_text(s) for s in shown])
        if 0.0 in self.sizes and len(self.sizes) > 1:
            figure.add_annotation(x=0.5, y=0, yref="paper", text="//", showarrow=False, font={"size": 18}, yshift=1,
                                  bgcolor="white")  # fmt: skip
