"""Where a label came from: the chain from a tracklet back to its source, evidence, weights and settings."""

from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from storage.errors import LakeError
from storage.json_text import BadJsonError, read_json
from storage.labels.recipes import LEAST_DIGITS
from storage.labels.versions import newest_keys
from storage.lake import Lake
from storage.ledger.ledger import Ledger

_TRACKLET = (
    "tracklet_id", "source_id", "shot_index", "person_index", "n_frames", "seconds", "mean_score", "visible_joints",
    "median_diagonal_px", "backend", "preset", "licence", "label_key", "committed_at",
)  # fmt: skip
_VIDEO = (
    "url", "host", "uploader", "title", "content_sha256", "licence", "evidence", "provenance", "recipe", "label_key",
)  # fmt: skip

_ROUND = ("round_id", "teachers", "reprojection", "apart_m")
_LISTED = ["tracklet_id", "source_id", "shot_index", "person_index", "n_frames", "seconds"]
_ORDER = ("source_id", "shot_index", "person_index", "tracklet_id")


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
        "label_rounds": lake.read("pseudo3d", _ROUND, pc.field("tracklet_id") == row["tracklet_id"]).to_pylist(),
        "rejected_beside_it": lake.read(
            "rejects", ["person_index", "stage", "reason", "measured", "threshold", "n_frames"], in_shot
        ).to_pylist(),
    }
    if ledger is not None:
        chain["ledger"] = _ledger_part(ledger, row["source_id"])
    return chain


@dataclass(frozen=True)
class OfSource:
    """A tracklet of a source, as one line of a list."""

    tracklet_id: str
    source_id: str
    shot_index: int
    person_index: int
    n_frames: int
    seconds: float

    def __str__(self) -> str:
        frames = "1 frame" if self.n_frames == 1 else f"{self.n_frames} frames"
        where = f"shot {self.shot_index}, person {self.person_index}"
        return f"{self.tracklet_id}  {frames}, {self.seconds:.2f} s, {where}"


def tracklets_of(lake: Lake, name: str) -> list[OfSource] | None:
    """The tracklets of the sources that `name` is the id, its beginning (8 or more digits), URL or file name of.

    Of each source the newest labels, in the order of shots and people; None if no source is called so.
    """
    is_named = (pc.field("source_id") == name) | (pc.field("url") == name)
    begins = pc.starts_with(pc.field("source_id"), name)
    long = len(name) >= LEAST_DIGITS
    videos = lake.read("videos", ["source_id"], is_named | begins if long else is_named)
    sources = pc.unique(videos["source_id"])
    mine = pc.field("source_id").isin(sources)
    rows = lake.read("tracklets", [*_LISTED, "label_key"], mine | begins if long else mine)
    if not len(sources) and not rows.num_rows:
        return None
    rows = rows.filter(newest_keys(lake).holds(rows)).select(_LISTED)
    return [OfSource(**row) for row in rows.sort_by([(key, "ascending") for key in _ORDER]).to_pylist()]


def _tracklet(lake: Lake, tracklet_id: str) -> dict[str, Any]:
    if len(tracklet_id) < LEAST_DIGITS:
        digits = f"{LEAST_DIGITS} or more digits of a tracklet's id"
        raise LakeError(f"{tracklet_id}: no source is called so; give its id, URL or file name, or {digits}")
    rows = lake.read("tracklets", _TRACKLET, pc.starts_with(pc.field("tracklet_id"), tracklet_id)).to_pylist()
    if len(rows) != 1:
        raise LakeError(
            f"{len(rows)} tracklets of {lake.root} have an id that starts with {tracklet_id}; the id or the name of "
            "a video lists its tracklets"
        )
    return {**rows[0], "committed_at": rows[0]["committed_at"].isoformat()}


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return read_json(value)
        except BadJsonError:
            return value
    return value


def _ledger_part(ledger: Ledger, source_id: str) -> dict[str, Any] | None:
    entries = ledger.entries(among=[source_id])
    if not entries:
        return None
    entry = entries[0]
    return {"state": entry.state, "attempts": entry.attempts, "evidence": entry.evidence, "recipe": entry.recipe}
