"""Alignments by name: of one point set to another by its root, by scale, or by a similarity without reflection.

Always the prediction is moved onto the target, and only the joints that count (the mask) decide how: the scale comes
from the prediction's own spread, so aligning the other way round is another measure (conventions.md, hazard 3).

Legend: ... any leading axes, J joints, 3 x y z in metres.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from evaluation.metrics.inputs import Array, kept, masked_centre, pair, visible, working
from evaluation.metrics.rotation_fit import best_rotation

FLAT = 1e-9
"""Second singular value of a point set, relative to the first, below which the set is a line and its turn is open."""


def root_aligned(points: Array, root: Sequence[int]) -> Tensor:
    """`points` (..., J, 3) about the mean of its joints `root`. NaN in a root joint makes the whole frame NaN."""
    tensor = working(points)
    return tensor - tensor[..., list(root), :].mean(-2, keepdim=True)


def scale_aligned(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """`pred` times the one factor a frame that is the least-squares best; nothing else is aligned.

    The factor is sum(pred . target) / sum(pred . pred) (Rhodin et al. 2018, "N-MPJPE"); 0 for an all-zero prediction.
    """
    first, second = pair(pred, target)
    counts = visible(first, mask)
    cross = kept(first * second, counts).sum((-2, -1))
    spread = kept(first.square(), counts).sum((-2, -1))
    return first * _ratio(cross, spread)[..., None, None]


def similarity_aligned(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """`pred` moved onto `target` by the best turn, scale and shift of each frame (Umeyama 1991), never by a mirror.

    A prediction whose visible joints coincide has no scale; it collapses onto the target's centre, which is the best
    that a similarity can do. Fewer than three visible joints can be fitted exactly: `degenerate` tells, a protocol's
    least number of joints keeps such frames out.
    """
    first, second = pair(pred, target)
    counts = visible(first, mask)
    centre_1, centre_2 = masked_centre(first, counts), masked_centre(second, counts)
    first = first - centre_1
    first_0 = kept(first, counts)
    rotation, trace = best_rotation(kept(second - centre_2, counts).mT @ first_0)
    scale = _ratio(trace, first_0.square().sum((-2, -1)))
    return first @ (rotation.mT * scale[..., None, None]) + centre_2


def degenerate(pred: Array, target: Array, mask: Array | None = None) -> Tensor:
    """Boolean (...): frames in which a similarity is not determined, since the visible joints of one set (fewer than
    three, or all on a line, or all in one place) leave the turn open. Frames with NaN are not counted here."""
    first, second = pair(pred, target)
    counts = visible(first, mask)
    return _is_line(first, counts) | _is_line(second, counts)


def _is_line(points: Tensor, counts: Tensor | None) -> Tensor:
    """Whether the points (..., J, 3) that count span less than a plane: their Gram matrix has no second invariant."""
    centred = kept(points - masked_centre(points, counts), counts)
    gram = centred.mT @ centred
    trace = gram.diagonal(dim1=-2, dim2=-1).sum(-1)
    second = (trace.square() - gram.square().sum((-2, -1))) / 2
    return second <= FLAT * trace.square()


def _ratio(numerator: Tensor, spread: Tensor) -> Tensor:
    """numerator / spread, and 0 where the spread is exactly 0: points in one place have no scale."""
    return torch.where(spread == 0, 0.0, numerator / spread)
