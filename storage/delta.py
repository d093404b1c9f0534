"""One Delta table of a lake: our own Parquet files, Delta's atomic log.

Files are written by pyarrow (zstd, byte-stream-split floats, dictionaries for strings only) and then committed as add
actions, because deltalake's writer cannot set the encoding of a nested column, and because the log then says nothing
about the rows: the only statistic in it is the number of records, so that an erased source leaves no minimum or
maximum behind.
"""

import json
import random
import re
import time
import uuid
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from storage.errors import CommitAborted, LakeDamaged, LakeFull, SchemaMismatch, SchemaTooNew, SchemaTooOld, ServiceAway
from storage.layout import Disk, is_away, is_full
from storage.schema import LATER_COLUMNS, SCHEMA_VERSION, schema_of

VERSION_KEY = "hmmr.schema_version"
DONE, ABORTED = 1, 2
"""Versions of an application transaction: committed, or rolled back for good."""

CHECKPOINT_EVERY = "25"
"""Commits: opening a table reads the last checkpoint and each commit after it, about 1 ms a commit."""

_LOG_SETTINGS = {
    "delta.checkpointInterval": CHECKPOINT_EVERY,
    "delta.logRetentionDuration": "interval 1 days",
    "delta.deletedFileRetentionDuration": "interval 1 hours",
}
"""Commits older than a day that a checkpoint holds leave the log with the next checkpoint: a writer that was stopped
for hours in mid-commit must still find that its version is taken. Names of files that were replaced leave it after an
hour, as long as storage/rewrite.py keeps those files for readers (GRACE_S)."""

OLDEST = 1
"""Version 0 was never released; a table that says nothing of a version is not ours."""

_LOADS = 4
"""Tries to load a log."""

_ATTEMPTS = 40
"""Tries of one commit against concurrent writers: each try that fails means that another writer got through."""


ROW_GROUP_BYTES = 8 << 20
"""Uncompressed size of a row group: what a reader must decode to get one row, and what a loader buffers."""


class DeltaFolder:
    """A table's folder. Opens the newest version at each call, so that one object may live for long."""

    def __init__(self, disk: Disk, name: str) -> None:
        self.disk, self.name = disk, name
        self.where = disk.layout.table(name)

    def open(self) -> DeltaTable | None:
        """The newest version; None if nothing was ever written.

        SchemaTooOld, SchemaTooNew or SchemaMismatch if it does not fit, LakeDamaged if the log cannot be read.
        """
        table = self._load()
        if table is None:
            return None
        version = schema_version(table)
        if version < OLDEST:
            raise SchemaMismatch(f"no version of this program wrote table {self.where}: name another lake, or move it")
        if version < SCHEMA_VERSION:
            raise SchemaTooOld(self.name, version, SCHEMA_VERSION, self.disk.layout.root)
        if version > SCHEMA_VERSION:
            raise SchemaTooNew(
                f"table {self.where} has schema {version}, this program knows {SCHEMA_VERSION}: update it"
            )
        _check_columns(self.name, self.where, table)
        return table

    def _load(self) -> DeltaTable | None:
        for attempt in range(_LOADS):
            try:
                return self.disk.patiently(lambda: DeltaTable(self.where, storage_options=self.disk.delta_options))
            except TableNotFoundError:
                return None
            except DeltaError as error:  # a log that is being cleaned up can fail to load once or twice
                time.sleep(0.02 * attempt)
                reason = str(error).splitlines()[0]
        raise LakeDamaged(f"the log of table {self.where} cannot be read ({reason}); restore it from a copy")

    def open_or_create(self) -> DeltaTable:
        """The newest version, of an empty table if need be."""
        for _ in range(_ATTEMPTS):
            table = self.open()
            if table is not None:
                return table
            self._create()
        raise LakeFull(f"cannot create table {self.where}")

    def _create(self) -> None:
        self.disk.make_folder(self.where)
        settings = {VERSION_KEY: str(SCHEMA_VERSION), **_LOG_SETTINGS}
        try:
            self.disk.patiently(
                lambda: DeltaTable.create(
                    self.where, schema_of(self.name), mode="ignore", configuration=settings,
                    storage_options=self.disk.delta_options, raise_if_key_not_exists=False,
                )
            )  # fmt: skip
        except CommitFailedError:
            return  # another process made it at the same moment
        except (DeltaError, OSError) as error:
            raise _translated(error, self.where) from error

    def write_file(self, table: pa.Table, shard: str | None = None) -> AddAction:
        """Write a Parquet file that no version names yet. LakeFull leaves nothing behind.

        `shard`: id of the commit of several tables that it belongs to; the file's name says so (`shard_of`).
        """
        part = uuid.uuid4().hex
        name = f"part-{part}.parquet" if shard is None else f"shard-{shard}-{part[:8]}.parquet"
        path = f"{self.where}/{name}"
        try:
            self.disk.patiently(lambda: write_parquet(table, self.disk.inner(path), self.disk.filesystem))
        except (OSError, pa.ArrowException) as error:
            self.disk.delete(path)
            raise _translated(error, self.where) from error
        return AddAction(
            path=name,
            size=self.disk.size(path),
            partition_values={},
            modification_time=int(time.time() * 1000),
            data_change=True,
            stats=json.dumps({"numRecords": table.num_rows}),
        )

    def append(self, table: pa.Table, transaction: str | None, *, shard: bool = False) -> int:
        """Commit rows; a transaction that is already in the log is a no-op. Returns the version."""
        if transaction is None and self.disk.layout.remote:
            transaction = uuid.uuid4().hex  # an answer may be lost on the way: then the log says whether it took effect
        current = self.open_or_create()
        if transaction is not None and _seen(current, transaction):
            return int(current.version())
        current = self._with_later_columns(current) if table.num_rows else current
        adds = [self.write_file(table, transaction if shard else None)] if table.num_rows else []
        try:
            return self._commit(lambda _: adds, transaction, current)
        except ServiceAway:
            raise  # nobody knows whether the files are part of the table; a sweep finds out later
        except BaseException:
            self.discard_unused(adds)
            raise

    def _with_later_columns(self, table: DeltaTable) -> DeltaTable:
        """The table with those of LATER_COLUMNS that it still lacks, which other writers may add at the same moment."""
        for _ in range(_ATTEMPTS):
            names = {field.name for field in table.schema().fields}
            missing = [column for column in LATER_COLUMNS.get(self.name, ()) if column not in names]
            if not missing:
                return table
            columns = Schema.from_arrow(schema_of(self.name).empty_table().select(missing).schema)
            try:
                table.alter.add_columns(list(columns.fields))
            except (CommitFailedError, DeltaError) as error:
                if is_full(error):
                    raise _translated(error, self.where) from error
                time.sleep(random.random() * 0.05)
            table = self.open_or_create()
        raise LakeFull(f"cannot add columns to table {self.where}")

    def abort(self, transaction: str) -> bool:
        """Make sure that `transaction` can never be committed here. False if it already is."""
        current = self.open_or_create()
        try:
            self._commit(lambda _: [], transaction, current, mark=ABORTED)
        except CommitAborted:
            return True
        return bool(self.open_or_create().transaction_version(transaction) != DONE)

    def replace(self, removed: Sequence[str], added: Sequence[AddAction], *, data_change: bool = True) -> int:
        """Swap files for others in one version. CommitFailedError if another writer changed one of them."""
        now = int(time.time() * 1000)
        actions = [RemoveAction(path, data_change, now) for path in removed]
        table = self.open_or_create()
        live = set(self.file_names(table))
        if not set(removed) <= live:
            raise CommitFailedError("a file to be replaced is no longer part of the table")
        try:
            self._write(table, [*actions, *added], None)
        except (DeltaError, OSError) as error:
            if not is_away(error) or not self._has_replaced(removed, added):
                raise
        return int(self.open_or_create().version())

    def _has_replaced(self, removed: Sequence[str], added: Sequence[AddAction]) -> bool:
        """Whether a swap took effect whose answer was lost on the way."""
        live = set(self.file_names(self.open_or_create()))
        return not live & set(removed) and {add.path for add in added} <= live

    def shorten_log(self) -> None:
        """Write a checkpoint, and delete the commits that it makes needless (_LOG_SETTINGS). A table of an older
        program gets those settings first. Never fails because other writers are at it: they do the same."""
        table = self.open()
        if table is None:
            return
        configuration = table.metadata().configuration
        try:
            if missing := {key: value for key, value in _LOG_SETTINGS.items() if configuration.get(key) != value}:
                table.alter.set_table_properties(missing)
            self.disk.patiently(table.create_checkpoint)
            self.disk.patiently(table.cleanup_metadata)
        except (CommitFailedError, DeltaError) as error:
            if is_full(error):
                raise _translated(error, self.where) from error

    def file_names(self, table: DeltaTable) -> list[str]:
        """Names of the files of a version, relative to the table's folder."""
        return [uri.rsplit("/", 1)[-1] for uri in table.file_uris()]

    def discard_unused(self, adds: Sequence[AddAction]) -> None:
        """Delete files that were written and not committed. An error or Ctrl-C may have come after the commit: files
        that are part of the table stay."""
        table = self.open() if adds else None
        live = set(self.file_names(table)) if table is not None else set()
        for path in {add.path for add in adds} - live:
            self.disk.delete(f"{self.where}/{path}")

    def _commit(
        self,
        actions: Callable[[DeltaTable], list[AddAction]],
        transaction: str | None,
        table: DeltaTable,
        mark: int = DONE,
    ) -> int:
        attempt = 0
        while True:
            if transaction is not None and _seen(table, transaction):
                self.discard_unused(actions(table))
                return int(table.version())
            todo = actions(table)
            if not todo and transaction is None:
                return int(table.version())
            try:
                self._write(table, todo, transaction, mark)
                table.update_incremental()
                return int(table.version())
            except CommitFailedError as error:
                if is_full(error) or attempt == _ATTEMPTS - 1:
                    raise _translated(error, self.where) from error
                time.sleep(random.random() * 0.05 * min(attempt + 1, 10))
            except (DeltaError, OSError) as error:
                # A log that is being cleaned up can fail to load once or twice; anything else fails again at once. A
                # server that is away is waited for by the next line.
                if is_full(error) or attempt >= (_ATTEMPTS if is_away(error) else 3):
                    raise _translated(error, self.where) from error
            attempt += 1
            table = self.open_or_create()

    def _write(
        self, table: DeltaTable, actions: Sequence[AddAction | RemoveAction], transaction: str | None, mark: int = DONE
    ) -> None:
        marks = [Transaction(transaction, mark)] if transaction is not None else None
        table.create_write_transaction(
            list(actions),
            "append",
            table.schema(),
            commit_properties=CommitProperties(app_transactions=marks, max_commit_retries=10),
        )


def shard_of(file: str) -> str | None:
    """Id of the commit of several tables that a file was written by; None for any other file."""
    match = re.fullmatch(r"shard-([0-9a-f]{32})-[0-9a-f]{8}\.parquet", file)
    return match.group(1) if match else None


def schema_version(table: DeltaTable) -> int:
    """The schema version that the table's metadata names; 0 if none."""
    return int(table.metadata().configuration.get(VERSION_KEY, "0"))


@lru_cache
def _columns_of(name: str) -> dict[str, str]:
    return {field.name: str(field.type) for field in Schema.from_arrow(schema_of(name)).fields}


def _check_columns(name: str, where: str, table: DeltaTable) -> None:
    """A user's own further columns do no harm; one of ours that is not there, or is something else, does, unless it is
    one of LATER_COLUMNS that was not added yet."""
    type_by_column = {field.name: str(field.type) for field in table.schema().fields}
    later = set(LATER_COLUMNS.get(name, ())) - type_by_column.keys()
    wrong = sorted(
        column
        for column, kind in _columns_of(name).items()
        if column not in later and type_by_column.get(column) != kind
    )
    if wrong:
        raise SchemaMismatch(
            f"table {where} lacks {', '.join(wrong[:5])} or has it in another type: not a lake of ours"
        )


def _seen(table: DeltaTable, transaction: str) -> bool:
    mark = table.transaction_version(transaction)
    if mark == ABORTED:
        raise CommitAborted(f"transaction {transaction} was rolled back; its items are to be done again")
    return mark is not None


def _translated(error: BaseException, where: str) -> BaseException:
    if is_full(error):
        return LakeFull(f"no space left for {where}; nothing was committed, free some space and run again ({error})")
    return error


def leaves(name: str, kind: pa.DataType) -> list[tuple[str, pa.DataType]]:
    """Parquet's paths of the leaf columns of a field, with their types."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return leaves(f"{name}.list.element", kind.value_type)
    return [(name, kind)]


def encodings(schema: pa.Schema) -> dict[str, Any]:
    """Keyword arguments of pyarrow's writer for this schema."""
    paths = [leaf for field in schema for leaf in leaves(field.name, field.type)]
    return {
        "compression": "zstd",
        "column_encoding": {path: "BYTE_STREAM_SPLIT" for path, kind in paths if pa.types.is_floating(kind)},
        "use_dictionary": [path for path, kind in paths if pa.types.is_string(kind)],
    }


def write_parquet(table: pa.Table, where: str, filesystem: Any) -> None:
    """Write `table` to `where`. OSError when the disk is full."""
    rows_a_group = max(1, int(ROW_GROUP_BYTES * table.num_rows / max(1, table.nbytes)))
    pq.write_table(table, where, filesystem=filesystem, row_group_size=rows_a_group, **encodings(table.schema))
