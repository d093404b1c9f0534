# ruff: noqa: N818  names say what happened, as in httpx and yt-dlp; an Error suffix adds nothing
"""What can go wrong with a lake.

LakeError
├── NoSuchLake          the folder holds no lake, or not that table
├── LakeDamaged         a file of the lake cannot be read
├── SchemaMismatch      rows do not fit the table's schema, or a table was written by another program
├── SchemaTooOld        the lake was written by an older version; carries the command that upgrades it
├── SchemaTooNew        the lake was written by a newer version of this package
├── CommitAborted       this transaction was rolled back by another process; do the items again
├── LakeFull            the disk ran full; nothing was committed
├── SnapshotMissing     no snapshot of that digest, or its file is damaged
├── LabelsMissing       no labels of the version that was asked for, or of several
├── ServiceAway         a database or S3 server did not answer for longer than it is waited for
├── NoWindows           no tracklet of a snapshot has the features that windows are asked of
└── LedgerError         an item is not in a state that allows the step, or the database is no ledger
    └── HostClosed      a host is not to be asked for a while: banned, or its day is spent
"""


class LakeError(Exception):
    """Anything that a caller of the storage room may want to catch."""


class NoSuchLake(LakeError):
    """There is no lake at this place."""


class LakeDamaged(LakeError):
    """A file of the lake is not what its name says; the message names it."""


class SchemaMismatch(LakeError, ValueError):
    """Rows or a whole table do not fit the schema; the message names table, column and row."""


class SchemaTooOld(LakeError):
    """The table was written by an older version. `command` upgrades it."""

    def __init__(self, table: str, found: int, wanted: int, root: str) -> None:
        self.command = f"hmmr lake upgrade --lake {root}"
        super().__init__(f"table {table} of {root} has schema {found}, we need {wanted}: run `{self.command}`")


class SchemaTooNew(LakeError):
    """The table was written by a newer version of this package."""


class CommitAborted(LakeError):
    """Another process rolled this transaction back (its lease had run out)."""


class LakeFull(LakeError, OSError):
    """No space left; the lake is as it was before the commit."""


class SnapshotMissing(LakeError):
    """No snapshot of that digest lies in the lake."""


class LabelsMissing(LakeError):
    """No label version of that name, or several; the message lists those that there are."""


class NoWindows(LakeError):
    """No tracklet of the snapshot has the features that were asked for."""


class ServiceAway(LakeError):
    """A database or S3 server did not answer for longer than one waits for it; nothing that was finished is lost."""


class LedgerError(LakeError):
    """The item is not in a state that allows the step, or belongs to another worker."""


class HostClosed(LedgerError):
    """The host asked for patience, or its day's quota is spent: `wait_s` seconds from now it may be asked again."""

    def __init__(self, host: str, wait_s: float) -> None:
        self.wait_s = wait_s
        super().__init__(f"{host} is not to be asked for another {wait_s:.0f} s")
