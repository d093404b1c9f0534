"""Files of a table swapped for others: rows deleted, strings changed, small files joined.

Every step reads the newest version, writes new files, and commits the swap only if no other writer touched the
same files; otherwise it starts again from what is there then. Appends are never in the way.
"""

import contextlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake.exceptions import CommitFailedError, DeltaError

from storage.delta import DeltaFolder, shard_of
from storage.errors import LakeError
from storage.lake import Lake
from storage.layout import is_full
from storage.schema import schema_of

if TYPE_CHECKING:
    import pyarrow.dataset as ds

TARGET_BYTES = 64 << 20
"""Compressed size of a joined file: about 200 MB of rows in memory while it is made."""

GRACE_S = 3600.0
"""Age at which a file that no version names is surely nobody's: a reader or writer takes minutes, not an hour."""

_TRIES = 20

Result = TypeVar("Result")


@dataclass(frozen=True)
class Rewritten:
    """What a rewrite did."""

    rows: int = 0
    """Rows deleted or changed."""
    files: int = 0
    """Files that were replaced."""


def delete_rows(lake: Lake, name: str, where: pc.Expression) -> Rewritten:
    """Delete the rows that match, in one version, and the old files with them: at once and for good."""

    def change(table: pa.Table) -> tuple[pa.Table, int]:
        kept_rows = table.filter(~pc.coalesce(where, pc.scalar(False)))
        return kept_rows, table.num_rows - kept_rows.num_rows

    return change_rows(lake, name, where, change)


def change_rows(
    lake: Lake, name: str, where: pc.Expression | None, change: Callable[[pa.Table], tuple[pa.Table, int]]
) -> Rewritten:
    """Replace each file that has a matching row by `change(its rows)`, which also counts the rows it changed."""
    return persist(lake, lambda: _change_once(lake, name, where, change), f"{name} of {lake.root}")


def _change_once(
    lake: Lake, name: str, where: pc.Expression | None, change: Callable[[pa.Table], tuple[pa.Table, int]]
) -> Rewritten:
    folder = lake.folder(name)
    table = folder.open()
    if table is None:
        return Rewritten()
    removed, added, rows = [], [], 0
    try:
        for file in sorted(folder.file_names(table)):
            content = _matching_file(lake, name, file, where)
            if content is None:
                continue
            changed, count = change(content)
            if count:
                removed.append(file)
                rows += count
                added += [folder.write_file(changed, shard_of(file))] if changed.num_rows else []
        if removed:
            folder.replace(removed, added)
    except BaseException:
        folder.discard_unused(added)
        raise
    _delete_files(folder, removed)
    return Rewritten(rows, len(removed))


def _matching_file(lake: Lake, name: str, file: str, where: pc.Expression | None) -> pa.Table | None:
    dataset = file_dataset(lake, name, file)
    if where is not None and dataset.count_rows(filter=where) == 0:
        return None
    return dataset.to_table()


def file_dataset(lake: Lake, name: str, file: str) -> "ds.Dataset":
    """One Parquet file of a table as a dataset in the table's schema; older files lack newer columns."""
    import pyarrow.dataset as ds

    path = lake.disk.inner(f"{lake.layout.table(name)}/{file}")
    return ds.dataset(path, schema=schema_of(name), format="parquet", filesystem=lake.disk.filesystem)


def compact(lake: Lake, name: str, target_bytes: int = TARGET_BYTES) -> Rewritten:
    """Join small files into files of about `target_bytes`, sorted by source, so that one source lies in one file.

    Files of half that size and more stay. The old files are swept later (`sweep`), for readers that are under way.
    """
    folder = lake.folder(name)
    total = Rewritten()
    for group in _groups(lake, name, target_bytes):
        joined = persist(lake, partial(_join, lake, folder, name, group), f"{name} of {lake.root}")
        total = Rewritten(total.rows + joined.rows, total.files + joined.files)
    return total


def _groups(lake: Lake, name: str, target_bytes: int) -> list[list[str]]:
    folder = lake.folder(name)
    table = folder.open()
    if table is None:
        return []
    groups: list[list[str]] = [[]]
    total = 0
    for file in lake.whole_files(name, table):
        size = lake.disk.size(f"{folder.where}/{file}")
        if size >= target_bytes // 2:
            continue
        if groups[-1] and total + size > target_bytes:
            groups.append([])
            total = 0
        groups[-1].append(file)
        total += size
    return [group for group in groups if len(group) > 1]


def _join(lake: Lake, folder: DeltaFolder, name: str, files: Sequence[str]) -> Rewritten:
    table = folder.open()
    if table is None or not set(files) <= set(folder.file_names(table)):
        return Rewritten()  # somebody else joined or changed them meanwhile
    rows = pa.concat_tables([file_dataset(lake, name, file).to_table() for file in files])
    if "source_id" in rows.column_names:
        rows = rows.sort_by([("source_id", "ascending")])
    added = [folder.write_file(rows)] if rows.num_rows else []
    try:
        folder.replace(files, added, data_change=False)
    except BaseException:
        folder.discard_unused(added)
        raise
    return Rewritten(rows.num_rows, len(files))


def unreferenced(lake: Lake, name: str, older_than_s: float = float("-inf")) -> list[str]:
    """Parquet files in a table's folder that its newest version does not name and that are so old."""
    folder = lake.folder(name)
    ages = lake.disk.ages(folder.where)
    old_files = {path.rsplit("/", 1)[-1] for path, age_s in ages.items()
                 if age_s >= older_than_s and _is_data(folder.where, path)}  # fmt: skip
    table = folder.open()
    return sorted(old_files - set(folder.file_names(table) if table is not None else []))


def _is_data(where: str, path: str) -> bool:
    return path.endswith(".parquet") and "/" not in path.removeprefix(where + "/")


def sweep(lake: Lake, name: str, older_than_s: float = GRACE_S) -> int:
    """Delete files that no version names and that are older than that; returns how many."""
    old = unreferenced(lake, name, older_than_s)
    _delete_files(lake.folder(name), old)
    return len(old)


def sweep_holding(lake: Lake, name: str, where: pc.Expression, dead_after_s: float = 60.0) -> int:
    """Delete unnamed files that hold a matching row, and those that cannot be read and were left by a dead writer."""
    matching_files = [file for file in unreferenced(lake, name) if _holds(lake, name, file, where, dead_after_s)]
    _delete_files(lake.folder(name), matching_files)
    return len(matching_files)


def _holds(lake: Lake, name: str, file: str, where: pc.Expression, dead_after_s: float) -> bool:
    path = _path(lake, name, file)
    try:
        pq.read_metadata(lake.disk.inner(path), filesystem=lake.disk.filesystem)
        return bool(file_dataset(lake, name, file).count_rows(filter=where))
    except FileNotFoundError:
        return False
    except (pa.ArrowInvalid, OSError):
        with contextlib.suppress(FileNotFoundError):
            return lake.disk.age_s(path) >= dead_after_s
        return False


def _path(lake: Lake, name: str, file: str) -> str:
    return f"{lake.layout.table(name)}/{file}"


def _delete_files(folder: DeltaFolder, files: Sequence[str]) -> None:
    for file in files:
        folder.disk.delete(f"{folder.where}/{file}")


def persist(lake: Lake, attempt: Callable[[], Result], what: str) -> Result:
    """`attempt()`, again and again while other writers are faster; LakeError if they always are."""
    for tried in range(_TRIES):
        try:
            return lake.disk.patiently(attempt)
        except (CommitFailedError, FileNotFoundError, DeltaError) as error:
            if is_full(error):
                raise
            last = error
            time.sleep(random.random() * 0.05 * (tried + 1))
    raise LakeError(f"{what}: other writers were faster {_TRIES} times; run again when less is going on") from last
