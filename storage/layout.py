"""Where everything lies below a lake, and beside it. A lake is a local folder or an s3:// URL."""

import os
from dataclasses import dataclass
from pathlib import Path

LAKE_VARIABLE = "HMMR_LAKE"
"""Environment variable that names the lake where `--lake` is not given."""

LEDGER_VARIABLE = "HMMR_LEDGER"
"""Environment variable with the SQLAlchemy URL of the ledger, for PostgreSQL and for lakes on S3."""

RECEIPTS_VARIABLE = "HMMR_RECEIPTS"
"""Environment variable with the folder for receipts of erasures, for lakes on S3."""

PATIENCE_VARIABLE = "HMMR_PATIENCE_S"
"""Environment variable with the seconds that an absent PostgreSQL or S3 server is waited for."""

STAGES = "stages"
"""Folder of a source's stage outputs, within its cache."""


@dataclass(frozen=True)
class Layout:
    """Paths of one lake. `root` is an absolute local path or an s3:// URL, without a slash at the end."""

    root: str

    @classmethod
    def of(cls, root: str | Path) -> "Layout":
        """Layout of a folder (made absolute) or of an s3:// URL."""
        text = str(root)
        if text.startswith("s3://"):
            return cls(text.rstrip("/"))
        return cls(str(Path(text.removeprefix("file://")).expanduser().absolute()))

    @property
    def remote(self) -> bool:
        """True for s3://."""
        return self.root.startswith("s3://")

    def table(self, name: str) -> str:
        """Folder of one Delta table."""
        return f"{self.root}/{name}"

    @property
    def snapshots(self) -> str:
        """Folder of frozen selections, one JSON file each."""
        return f"{self.root}/snapshots"

    def snapshot(self, digest: str) -> str:
        """File of one frozen selection."""
        return f"{self.snapshots}/{digest}.json"

    @property
    def cache(self) -> str:
        """Folder of what can be computed again, one folder a source: erase removes it."""
        return f"{self.root}/cache"

    def source_cache(self, source_id: str) -> str:
        """Everything cached for one source (stage outputs, thumbnails)."""
        return f"{self.cache}/{source_id}"

    def stage_cache(self, source_id: str) -> str:
        """What labelling's networks said of one source (storage/stage_cache.py)."""
        return f"{self.source_cache(source_id)}/{STAGES}"

    @property
    def windows(self) -> str:
        """Decoded frames for training, a folder a snapshot: erase removes them all."""
        return f"{self.cache}/windows"

    @property
    def checkpoints(self) -> str:
        """Folder of trained models that belong to this lake."""
        return f"{self.root}/checkpoints"

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger: $HMMR_LEDGER, or ledger.sqlite in a local lake."""
        given = os.environ.get(LEDGER_VARIABLE)
        if given:
            return given
        if self.remote:
            raise ValueError(f"a lake on S3 needs its ledger elsewhere: set {LEDGER_VARIABLE} to a SQLAlchemy URL")
        return f"sqlite:///{self.root}/ledger.sqlite"

    @property
    def receipts(self) -> str:
        """Folder of the receipts of erasures: beside the lake, never in it."""
        given = os.environ.get(RECEIPTS_VARIABLE)
        if given:
            return given
        if self.remote:
            return str(Path.cwd() / (self.root.rsplit("/", 1)[-1] + ".receipts"))
        return f"{self.root}.receipts"


def lake_root(given: str | Path | None) -> str:
    """The lake that a command means: `--lake`, else $HMMR_LAKE, else ./lake."""
    return str(given or os.environ.get(LAKE_VARIABLE) or "lake")
