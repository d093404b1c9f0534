"""Tables in memory that read like a lake: pseudo-labels that are made for one training and kept nowhere."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from storage.lake import Lake
from storage.schema import TABLES
from storage.validate import schema_of


class MemoryLake(Lake):
    """A lake of these tables. It can be read; nothing is written, so an erased source leaves no copy behind."""

    def __init__(self, name: str, tables: Mapping[str, pa.Table]) -> None:
        self._name, self._tables = name, dict(tables)

    @property
    def root(self) -> str:
        """What an error calls it."""
        return self._name

    def read(self, name: str, columns: Sequence[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
        """As `Lake.read`."""
        table = self._tables.get(name, schema_of(name).empty_table())
        found = table if where is None else table.filter(where)
        return found if columns is None else found.select(list(columns))

    def dataset(self, name: str) -> ds.Dataset | None:
        """As `Lake.dataset`; None for a table without rows."""
        return ds.dataset(self._tables[name]) if name in self._tables else None

    def versions(self) -> dict[str, int]:
        """There is one version of everything."""
        return dict.fromkeys(TABLES, 0)
