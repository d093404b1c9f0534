"""What may be asked of a selection, as an expression over the table of tracklets."""

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc


def selection(
    *, tags: Sequence[str] | None = None, licences: Sequence[str] | None = None, min_score: float = 0.0
) -> pc.Expression | None:
    """Tracklets with one of the tags, one of the licence classes and at least that mean score; None: all.

    'vouched' as a licence class means any 'vouched ...' with its date.
    """
    parts = []
    if tags:
        # A list column has no `in` for expressions: joined by a separator that no tag holds, it is a string.
        border, nothing = pc.scalar("\x1f"), pc.scalar("")
        joined = pc.binary_join(pc.field("tags"), border)
        bordered = pc.binary_join_element_wise(border, joined, border, nothing)
        parts.append(_any([pc.match_substring(bordered, f"\x1f{tag}\x1f") for tag in tags]))
    if licences:
        exact = pc.field("licence").isin(pa.array(list(licences), pa.string()))
        vouched = [pc.starts_with(pc.field("licence"), "vouched")] if "vouched" in licences else []
        parts.append(_any([exact, *vouched]))
    if min_score > 0.0:
        parts.append(pc.field("mean_score") >= pa.scalar(min_score, pa.float32()))
    return reduce(lambda a, b: a & b, parts) if parts else None


def _any(parts: Sequence[pc.Expression]) -> pc.Expression:
    return reduce(lambda a, b: a | b, parts)
