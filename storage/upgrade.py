"""Older lakes brought to this program's schema, one version at a time: `hmmr lake upgrade`."""

from deltalake import DeltaTable
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import TableNotFoundError

from storage.delta import OLDEST, VERSION_KEY, schema_version
from storage.errors import SchemaMismatch
from storage.lake import Lake
from storage.schema import SCHEMA_VERSION, TABLES

ADDED_COLUMNS: dict[int, dict[str, tuple[str, ...]]] = {2: {"videos": ("recipe",)}}
"""What each version added: nullable columns, which older files read as null. Tables appear by themselves."""


def upgrade(lake: Lake) -> dict[str, tuple[int, int]]:
    """Upgrade every table; returns (before, after) of those that changed. Safe to run again after a crash."""
    changed = {}
    for name in TABLES:
        try:
            table = DeltaTable(lake.layout.table(name), storage_options=lake.disk.delta_options)
        except TableNotFoundError:
            continue
        before = schema_version(table)
        if before >= SCHEMA_VERSION:
            continue
        if before < OLDEST:
            raise SchemaMismatch(f"no version of this program wrote table {name} of {lake.root}: name another lake")
        _upgrade_table(table, name, before)
        changed[name] = (before, SCHEMA_VERSION)
    return changed


def _upgrade_table(table: DeltaTable, name: str, before: int) -> None:
    for version in range(before + 1, SCHEMA_VERSION + 1):
        present_columns = {field.name for field in table.schema().fields}
        columns = [c for c in ADDED_COLUMNS.get(version, {}).get(name, ()) if c not in present_columns]
        if columns:
            added = DeltaSchema.from_arrow(TABLES[name].empty_table().select(columns).schema)
            table.alter.add_columns(list(added.fields))
    table.alter.set_table_properties({VERSION_KEY: str(SCHEMA_VERSION)}, raise_if_not_exists=False)
