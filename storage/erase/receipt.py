"""What an erasure leaves to show: written beside the lake, naming things by keyed hash only."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from storage.atomic import write_json_atomically
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
    """Models trained on one of these lists: they have seen the source."""
    path: str = ""
    """Where the receipt lies; not part of the file."""


def trained_on(lake: Lake, digests: Sequence[str]) -> tuple[str, ...]:
    """Checkpoints (or run ids where there is none) of runs on one of these snapshots."""
    runs = lake.read("runs", ["run_id", "snapshot", "checkpoint"]).to_pylist()
    wanted = with_ancestors(lake, digests)
    return tuple(sorted({run["checkpoint"] or run["run_id"] for run in runs if run["snapshot"] in wanted}))


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
