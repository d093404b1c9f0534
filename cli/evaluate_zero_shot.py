"""The 2D network's own 3D on the same frames: the line that a trained model is held against."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.evaluate import Request


def zero_shot_line(request: "Request") -> str | None:
    """Macro averages of the zero-shot 3D that came with φ, under the same protocol; None where there is none."""
    from evaluation.baselines import zero_shot
    from evaluation.score import aggregate, score_sequences
    from storage.lake import Lake
    from storage.tables import read_labels3d, read_zero_shot

    lake = Lake(request.data, create=False)
    labels = read_labels3d(lake, split=request.split)
    motions = zero_shot(read_zero_shot(lake, list(labels)))
    if not motions or request.protocol.joint_set != "keypoints_25":
        return None
    means = aggregate(score_sequences(motions, labels, request.protocol))
    told = ", ".join(f"{name} {means[name].macro:.2f}" for name in request.protocol.metrics if name in means)
    return f"  zero-shot, the 2D network's own 3D on the same frames: {told}"
