"""What an erasure leaves to show: written beside the lake, naming things by keyed hash only."""

import secrets
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from storage.atomic import write_json_atomically
from storage.json_text import BadJsonError, read_object
from storage.lake import Lake
from storage.layout import says_full
from storage.snapshot import with_ancestors


@dataclass(frozen=True)
class Receipt:
    """An erasure. Hashes are HMAC-SHA256 under the lake's key: who knows the name and has the lake can check them."""

    targets: tuple[str, ...]
    """Keyed hashes of sources, URLs, contents, uploader, host."""
    why: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows removed, by table."""
    mentions: int = 0
    """Rows of runs and scores in which a name was replaced by its hash."""
    files: int = 0
    """Files rewritten or removed."""
    still_holding: tuple[str, ...] = ()
    """Files of unknown kind below the lake that hold a name and were left alone."""
    snapshots: tuple[tuple[str, str], ...] = ()
    """Digests (before, after) of the lists that changed."""
    likeness: int = 0
    """Sampled pictures that are remembered by keyed hashes, so that re-encoded copies are refused; 0: none."""
    checkpoints: tuple[str, ...] = ()
    """Models trained on one of these lists, or on a label round below: they have seen the source."""
    rounds: tuple[str, ...] = ()
    """Label rounds of which a teacher had seen the source, or a teacher's teacher."""
    path: str = ""
    """Where the receipt lies; not part of the file."""


@dataclass(frozen=True)
class Learnt:
    """What has learnt from a source: checkpoints (or run ids where there is none), and label rounds."""

    checkpoints: tuple[str, ...]
    rounds: tuple[str, ...]


def learnt_from(lake: Lake, digests: Sequence[str]) -> Learnt:
    """Checkpoints of runs on one of these snapshots, the label rounds that these models taught, the models that learnt
    from those rounds, and so on until nothing more is found."""
    runs = lake.read("runs", ["run_id", "kind", "config", "snapshot", "checkpoint"]).to_pylist()
    trainings = [(run, _parsed(run["config"])) for run in runs if run["kind"] != "label3d"]
    notes = [_parsed(run["config"]) for run in runs if run["kind"] == "label3d"]
    seen = {*with_ancestors(lake, digests)}
    rounds: set[str] = set()
    while taught := {note["round_id"] for note in notes if "round_id" in note and _learnt(note, seen, rounds)} - rounds:
        rounds |= taught
    models = {
        run["checkpoint"] or run["run_id"] for run, config in trainings
        if run["snapshot"] in seen or _round_of(config) in rounds
    }  # fmt: skip
    return Learnt(tuple(sorted(models)), tuple(sorted(rounds)))


def _learnt(note: Mapping[str, Any], seen: Set[str], rounds: Set[str]) -> bool:
    """Whether a teacher of the round that is noted was trained on one of these snapshots or rounds."""
    return bool({*note.get("teachers_snapshots", ())} & seen or {*note.get("teachers_rounds", ())} & rounds)


def _round_of(config: Mapping[str, Any]) -> str | None:
    """The label round that a training learnt from."""
    data = config.get("data")
    return data.get("pseudo3d") if isinstance(data, dict) else None


def _parsed(config: str) -> dict[str, Any]:
    try:
        return read_object(config)
    except BadJsonError:
        return {}


def write_receipt(lake: Lake, receipt: Receipt) -> str:
    """Write it into the folder beside the lake; returns the path."""
    now = time.time()
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    path = Path(lake.layout.receipts) / f"erased-{stamp}-{secrets.token_hex(4)}.json"
    value = {key: content for key, content in asdict(receipt).items() if key != "path"}
    value |= {"format": "hmmr-receipt-1", "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))}
    with says_full(path):
        write_json_atomically(path, value)
    return str(path)
