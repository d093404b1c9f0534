"""The order of work when sources have weights: whatever moment a run ends at, each pot had its share of the videos.

A pot is one entry of a source list (a video, a folder, a search, a nested list). The next video is taken from the pot
for which (videos taken + 1) / weight is smallest: start-time fair queueing with videos of equal size. Without weights
the order is the list's own, pots of many videos taking turns.
"""

import heapq
from collections import deque
from collections.abc import Sequence

from harvest.sources.expand import Source


def fair_order(sources: Sequence[Source]) -> list[Source]:
    """The same sources in the order in which they are to be worked on; the order within a pot stays."""
    pots: dict[str, deque[Source]] = {}
    for source in sources:
        pots.setdefault(source.pot or source.item_id, deque()).append(source)
    names = list(pots)
    heap = [(1 / pots[name][0].weight, place, 1) for place, name in enumerate(names)]
    heapq.heapify(heap)
    order = []
    while heap:
        _, place, taken = heapq.heappop(heap)
        pot = pots[names[place]]
        order.append(pot.popleft())
        if pot:
            heapq.heappush(heap, ((taken + 1) / pot[0].weight, place, taken + 1))
    return order
