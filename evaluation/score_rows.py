"""Scores as rows of the lake's `scores` table: one a sequence and metric, and the two averages."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from evaluation.protocols.definition import Protocol
from evaluation.score import SequenceScore, aggregate

MACRO, MICRO = "*macro", "*micro"


@dataclass(frozen=True)
class Scored:
    """What was scored: everything of a `scores` row that is the same for the whole evaluation."""

    run_id: str
    variant: str
    dataset: str
    split: str
    commit: str
    scored_at: datetime
    study: str = ""
    phi_name: str = ""
    hours: float = 0.0
    seed: int = 0


def score_rows(scores: Sequence[SequenceScore], protocol: Protocol, scored: Scored) -> list[dict[str, object]]:
    """Rows for `storage.tables.rows_to_table("scores", ...)`. Frames without a value are rows too (`nan_frames`,
    `excluded_frames`), so that no average hides what it is not over."""
    rows: list[dict[str, object]] = []
    for score in scores:
        for metric, values in score.per_frame.items():
            finite = int((values == values).sum())
            rows.append(score_row(protocol, scored, score.sequence, metric, score.value(metric), finite))
        rows.append(score_row(protocol, scored, score.sequence, "excluded_frames", _left_out(score), score.n_frames))
    for metric, mean in aggregate(scores).items():
        rows.append(score_row(protocol, scored, MACRO, metric, mean.macro, mean.n_frames))
        rows.append(score_row(protocol, scored, MICRO, metric, mean.micro, mean.n_frames))
    total = sum(score.n_frames for score in scores)
    failed = sum(score.n_nan for score in scores if "mpjpe_mm" in score.per_frame)
    rows.append(score_row(protocol, scored, MICRO, "nan_frames", failed, total))
    rows.append(score_row(protocol, scored, MICRO, "excluded_frames", sum(map(_left_out, scores)), total))
    return rows


def _left_out(score: SequenceScore) -> int:
    return sum(score.excluded.values())


def score_row(
    protocol: Protocol, scored: Scored, sequence: str, metric: str, value: float, n_frames: int
) -> dict[str, object]:
    """One row; `n_frames` is what the value is over."""
    key = (scored.run_id, scored.study, scored.variant, protocol.id, scored.dataset, scored.split, sequence, metric)
    digest = hashlib.sha256("\x1f".join(key).encode()).hexdigest()[:32]
    return asdict(scored) | {
        "score_id": digest,
        "protocol": protocol.id,
        "sequence": sequence,
        "metric": metric,
        "value": float(value),
        "n_frames": int(n_frames),
    }
