"""A long tracklet in stretches that overlap, and what was found for each of them joined without a jolt.

T frames of the tracklet.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def stretches(frames: int, longest: int, overlap: int) -> list[slice]:
    """Slices of about equal length, at most `longest`, that cover all frames; each shares `overlap` with the next.
    One slice where that is enough. ValueError if `longest` is less than three overlaps: three would share a frame."""
    if longest < 3 * overlap or longest < 1:
        raise ValueError(f"stretches of {longest} frames cannot share {overlap} with each neighbour")
    if frames <= longest:
        return [slice(0, frames)]
    count = -(-(frames - overlap) // (longest - overlap))
    step = -(-(frames - overlap) // count)
    return [slice(start, min(start + step + overlap, frames)) for start in range(0, frames - overlap, step)]


def joined(parts: Sequence[Tensor], places: Sequence[slice], overlap: int) -> Tensor:
    """(T, ...) of the values of each stretch. Where two overlap, the share of the second rises along a cosine, so that
    neither place nor speed jumps."""
    whole = torch.empty(places[-1].stop, *parts[0].shape[1:], dtype=parts[0].dtype)
    rise = (1 - torch.cos(torch.pi * torch.arange(1, overlap + 1) / (overlap + 1))) / 2
    for part, place in zip(parts, places, strict=True):
        shared = overlap if place.start else 0
        both = slice(place.start, place.start + shared)
        share = rise[:shared].reshape(-1, *[1] * (part.ndim - 1)).to(part.dtype)
        whole[both] = (1 - share) * whole[both] + share * part[:shared]
        whole[both.stop : place.stop] = part[shared:]
    return whole
