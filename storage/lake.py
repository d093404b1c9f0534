"""The lake: tables of labels in one folder or S3 prefix, each a Delta table with plain Parquet inside.

`LakeReader` is what one may do with any lake to read it. `Lake` lies on a disk; `MemoryLake` holds tables in memory,
such as pseudo-labels that are made for one training and kept nowhere.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from storage.delta import DONE, DeltaFolder, shard_of
from storage.errors import LakeDamaged, NoSuchLake
from storage.layout import Disk, Layout
from storage.schema import TABLES, check_times, schema_of, validated

if TYPE_CHECKING:
    import pyarrow.dataset as ds

NEEDS_TRACKLET = ("features", "labels3d", "pseudo3d")
"""Tables whose rows do not exist for a reader while their tracklet does not."""

LAST_OF_SHARD = "tracklets"
"""The table that a commit of several tables writes last: its log says whether the commit is whole."""

_READS = 5
"""Tries of one read while others erase and compact."""


class LakeReader(Protocol):
    """Tables that can be read. Rows come in the types of storage/schema.py."""

    @property
    def root(self) -> str:
        """What an error calls the lake: its folder, URL or description."""

    def read(self, name: str, columns: Sequence[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
        """Rows of a table that match `where`; an empty table where nothing was written."""

    def dataset(self, name: str) -> "ds.Dataset | None":
        """The same rows as a dataset that is read piece by piece; None where nothing was written."""

    def versions(self) -> dict[str, int]:
        """Version of every table, -1 where nothing was written."""

    def name_damaged(self, name: str) -> None:
        """LakeDamaged with the name of the first file of a table that cannot be read; nothing if all can."""


class Lake:
    """One lake. Cheap to make; safe to use from many processes at once.

    `create=False` demands that the folder exists: NoSuchLake names it otherwise.
    """

    def __init__(self, root: str | Path, *, create: bool = True) -> None:
        self.layout = Layout.of(root)
        self.disk = Disk(self.layout)
        if not self.layout.remote and not create and not Path(self.layout.root).is_dir():
            raise NoSuchLake(f"no lake at {self.layout.root}; `hmmr harvest run SOURCE --lake DIR` makes one")
        if create:
            try:
                self.disk.make_folder(self.layout.root)
            except OSError as error:
                reason = "a file of that name is in the way" if Path(self.layout.root).is_file() else str(error)
                raise NoSuchLake(f"there can be no lake at {self.layout.root}: {reason}") from error
        self._ids: tuple[int, pa.Array] | None = None
        self._whole: set[str] = set()

    @property
    def root(self) -> str:
        """Absolute folder or s3:// URL."""
        return self.layout.root

    def folder(self, name: str) -> DeltaFolder:
        """The Delta table of that name."""
        schema_of(name)
        return DeltaFolder(self.disk, name)

    def append(self, name: str, table: pa.Table, *, transaction: str | None = None, shard: bool = False) -> int:
        """Add rows to a table, all or none, and return its new version.

        The rows are checked against the schema (SchemaMismatch). The same `transaction` id a second time does
        nothing. LakeFull when the disk is full; CommitAborted when the transaction was rolled back. `shard`: no
        reader sees the rows before `tracklets` has the same transaction (storage/commit.py).
        """
        return self.folder(name).append(validated(name, table), transaction, shard=shard)

    def read(self, name: str, columns: Sequence[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
        """Rows of a table in the schema's types; an empty table where nothing was written.

        Rows of features, labels3d and pseudo3d whose tracklet does not exist are left out, and so are all rows of a
        shard that is not whole (yet).
        """
        for _ in range(_READS):
            try:
                return self.disk.patiently(lambda: self._read(name, columns, where))
            except FileNotFoundError as error:  # an erase or a sweep took a file of the version that was being read
                missing_file = error
            except (pa.ArrowInvalid, OSError):
                self.name_damaged(name)
                raise
        raise NoSuchLake(
            f"a file of {name} is missing in {self.root}: `hmmr lake reconcile` says more"
        ) from missing_file

    def name_damaged(self, name: str) -> None:
        """LakeDamaged with the name of the first file that cannot be read; nothing if all can."""
        import pyarrow.dataset as ds

        source = self.dataset(name)
        for file in [] if source is None else source.files:
            try:
                ds.dataset(file, schema=schema_of(name), filesystem=self.disk.filesystem).to_table()
            except (pa.ArrowInvalid, OSError) as error:
                raise LakeDamaged(f"{file} cannot be read ({error}); restore it from a copy") from error

    def _read(self, name: str, columns: Sequence[str] | None, where: pc.Expression | None) -> pa.Table:
        schema = schema_of(name)
        wanted = list(schema.names if columns is None else columns)
        source = self.dataset(name)
        if source is None:
            return pa.schema([schema.field(column) for column in wanted]).empty_table()
        hidden = name in NEEDS_TRACKLET and "tracklet_id" not in wanted
        table = source.to_table(columns=[*wanted, "tracklet_id"] if hidden else wanted, filter=where)
        if name in NEEDS_TRACKLET:
            known = pc.is_in(table.column("tracklet_id"), value_set=self._tracklet_ids())
            table = table.filter(known)
        return check_times(name, table.select(wanted).cast(pa.schema([schema.field(column) for column in wanted])))

    def dataset(self, name: str) -> "ds.Dataset | None":
        """The files of whole commits as a pyarrow dataset, which does not know the rule about tracklets; None where
        nothing was written."""
        table = self.folder(name).open()
        if table is None:
            return None
        import pyarrow.dataset as ds  # it imports pandas where that is installed, for which a harvest need not wait

        schema = schema_of(name)
        files = [f"{self.layout.table(name)}/{file}" for file in self.whole_files(name, table)]
        return ds.dataset(
            [self.disk.inner(file) for file in files], schema=schema, format="parquet", filesystem=self.disk.filesystem
        )

    def whole_files(self, name: str, table: DeltaTable) -> list[str]:
        """Files of a version that readers may see, sorted: those of an unfinished shard are left out."""
        files = sorted(self.folder(name).file_names(table))
        if name == LAST_OF_SHARD:
            return files
        shard_by_file = {file: shard_of(file) for file in files}
        whole_shards = self._whole_among({shard for shard in shard_by_file.values() if shard is not None})
        return [file for file, shard in shard_by_file.items() if shard is None or shard in whole_shards]

    def is_whole(self, shard: str) -> bool:
        """Whether a commit of several tables has reached its last table."""
        return bool(self._whole_among({shard}))

    def _whole_among(self, shards: set[str]) -> set[str]:
        """Those of these commits that have reached their last table, by one look at its log for all of them."""
        unknown = shards - self._whole
        last = self.folder(LAST_OF_SHARD).open() if unknown else None
        if last is not None:
            # A file of the commit is proof enough. Its mark is looked for where it has none: it kept no tracklet, or
            # its file was joined with others since.
            self._whole |= unknown & {shard_of(file) for file in self.folder(LAST_OF_SHARD).file_names(last)}
            self._whole |= {shard for shard in unknown - self._whole if last.transaction_version(shard) == DONE}
        return shards & self._whole

    def version(self, name: str) -> int:
        """Version of a table, -1 where nothing was written."""
        table = self.folder(name).open()
        return -1 if table is None else int(table.version())

    def versions(self) -> dict[str, int]:
        """Version of every table."""
        return {name: self.version(name) for name in TABLES}

    def _tracklet_ids(self) -> pa.Array:
        version = self.version("tracklets")
        if self._ids is None or self._ids[0] != version:
            self._ids = (version, self.read("tracklets", ["tracklet_id"]).column(0).combine_chunks())
        return self._ids[1]


class MemoryLake:
    """A `LakeReader` of tables in memory. Nothing is written, so an erased source leaves no copy behind."""

    def __init__(self, name: str, tables: Mapping[str, pa.Table]) -> None:
        self._name, self._tables = name, dict(tables)

    @property
    def root(self) -> str:
        """The description that it was made with."""
        return self._name

    def read(self, name: str, columns: Sequence[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
        """As `LakeReader.read`."""
        table = self._tables.get(name, schema_of(name).empty_table())
        rows = table if where is None else table.filter(where)
        return rows if columns is None else rows.select(list(columns))

    def dataset(self, name: str) -> "ds.Dataset | None":
        """As `LakeReader.dataset`."""
        import pyarrow.dataset as ds

        return ds.dataset(self._tables[name]) if name in self._tables else None

    def versions(self) -> dict[str, int]:
        """Version 0 of every table: these tables never change."""
        return dict.fromkeys(TABLES, 0)

    def name_damaged(self, name: str) -> None:
        """There are no files."""
