"""Where a label came from: the chain from a tracklet back to its source, evidence, weights and settings."""

from typing import Any

import pyarrow.compute as pc

from storage.errors import LakeError
from storage.json_text import BadJsonError, read_json
from storage.lake import Lake
from storage.ledger import Ledger

_TRACKLET = (
    "tracklet_id", "source_id", "shot_index", "person_index", "n_frames", "seconds", "mean_score", "visible_joints",
    "median_diagonal_px", "backend", "preset", "licence", "label_key", "committed_at",
)  # fmt: skip
_VIDEO = (
    "url", "host", "uploader", "title", "content_sha256", "licence", "evidence", "provenance", "recipe", "label_key",
)  # fmt: skip


def why(lake: Lake, tracklet_id: str, ledger: Ledger | None = None) -> dict[str, Any]:
    """The chain as one JSON-able value. LakeError if there is no such tracklet (an unique prefix of 8 will do)."""
    row = _tracklet(lake, tracklet_id)
    mine = pc.field("source_id") == row["source_id"]
    same = mine & (pc.field("label_key") == row["label_key"])
    videos = lake.read("videos", _VIDEO, same).to_pylist()
    video = {key: _parsed(value) for key, value in videos[0].items()} if videos else {}
    in_shot = mine & (pc.field("shot_index") == row["shot_index"])
    chain = {
        "tracklet": row,
        "shot": next(iter(lake.read("shots", None, in_shot).to_pylist()), None),
        "video": video,
        "features": lake.read(
            "features", ["phi_name", "phi_dim"], pc.field("tracklet_id") == row["tracklet_id"]
        ).to_pylist(),
        "rejected_beside_it": lake.read(
            "rejects", ["person_index", "stage", "reason", "measured", "threshold", "n_frames"], in_shot
        ).to_pylist(),
    }
    if ledger is not None:
        chain["ledger"] = _ledger_part(ledger, row["source_id"])
    return chain


def _tracklet(lake: Lake, tracklet_id: str) -> dict[str, Any]:
    rows = lake.read("tracklets", _TRACKLET, pc.starts_with(pc.field("tracklet_id"), tracklet_id)).to_pylist()
    if len(rows) != 1 or len(tracklet_id) < 8:
        raise LakeError(f"{len(rows)} tracklets of {lake.root} have an id that starts with {tracklet_id}")
    return {**rows[0], "committed_at": rows[0]["committed_at"].isoformat()}


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return read_json(value)
        except BadJsonError:
            return value
    return value


def _ledger_part(ledger: Ledger, source_id: str) -> dict[str, Any] | None:
    entries = [entry for entry in ledger.entries() if entry.item.item_id == source_id]
    if not entries:
        return None
    entry = entries[0]
    return {"state": entry.state, "attempts": entry.attempts, "evidence": entry.evidence, "recipe": entry.recipe}
