"""A protocol in plain words, for `hmmr evaluate --protocol help` and docs/protocols.md."""

from collections.abc import Iterable

from evaluation.protocols.definition import Protocol

_SETS = {
    "keypoints_25": "the universal 25 keypoints",
    "h36m_regressor": "joints regressed from the mesh by J_regressor_h36m",
    "smpl_24": "the 24 joints of the SMPL skeleton",
    "mpi3d_17": "MPI-INF-3DHP's 17 joints",
}
_AVERAGES = {
    "macro": "the mean within each sequence, then the unweighted mean over sequences (*macro); the mean over all "
    "frames (*micro) is kept beside it",
    "micro": "the mean over all frames (*micro); the mean over sequences (*macro) is kept beside it",
}
_GROUPS = {"film": "all people of a video together", "track": "one person in one video"}


def in_words(protocol: Protocol) -> str:
    """A Markdown section that says everything the protocol fixes."""
    lines = [
        f"## {protocol.id}",
        "",
        f"{protocol.title}. For: {', '.join(protocol.datasets)}.",
        "",
        f"- **Joints**: {len(protocol.joints)} of {_SETS[protocol.joint_set]}: {', '.join(protocol.joints)}.",
        f"- **Root**: both sides are moved so that {_root(protocol)} is the origin; then MPJPE. Metres in the camera's "
        "axes, no other alignment.",
        "- **PA**: the best similarity (turn, scale, shift; no mirror) of prediction onto truth, frame by frame.",
        f"- **Truth**: {protocol.ground_truth}.",
        f"- **Frames**: {protocol.frames.words}.",
        f"- **Sequence**: {_GROUPS[protocol.group]}. **Average**: {_AVERAGES[protocol.average]}.",
        f"- **Rate**: {_rate(protocol)}. Acceleration over triples of consecutive frames inside one track.",
        f"- **Printed**: {', '.join(protocol.metrics)}.",
    ]
    if protocol.notes:
        lines.append(f"- **Mind**: {protocol.notes}")
    return "\n".join(lines + _published(protocol)) + "\n"


def all_in_words(protocols: Iterable[Protocol]) -> str:
    """docs/protocols.md."""
    head = (
        "# Evaluation protocols\n\n"
        "Made by `hmmr evaluate --protocol help`; the source is evaluation/protocols/registry.py. Every number\n"
        "that this project prints carries the id of one of these. Numbers of different protocols do not compare, even\n"
        "where they are called the same: published rows are printed beside ours only where protocol and data match.\n"
    )
    return "\n".join([head, *map(in_words, protocols)])


def _root(protocol: Protocol) -> str:
    return f"their {protocol.root[0]}" if len(protocol.root) == 1 else f"the mean of {' and '.join(protocol.root)}"


def _rate(protocol: Protocol) -> str:
    return "the video's own working rate, kept with every row" if protocol.fps is None else f"{protocol.fps:g} fps"


def _published(protocol: Protocol) -> list[str]:
    if not protocol.published:
        return []
    rows = [
        f"| {row.dataset} | {row.model} | {', '.join(f'{k} {v:g}' for k, v in row.metrics.items())} | {row.source} |"
        for row in protocol.published
    ]
    return ["", "| data | model | published | source |", "|---|---|---|---|", *rows]
