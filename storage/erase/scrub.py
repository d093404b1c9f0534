"""Names taken out of the files below a lake that are no table: caches, lists, logs, pages, exports.

Names inside the text columns of a table, replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import LakeError
from storage.lake import Lake
from storage.schema import TABLES

TEXT_SUFFIXES = (".json", ".jsonl", ".log", ".txt", ".md", ".html", ".csv", ".yaml", ".yml", ".crc")
"""Files that are rewritten with the names replaced; of any other kind a file that holds a name is reported."""


@dataclass
class Scrubbed:
    """What was done to files, as paths relative to the lake."""

    deleted: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    holding: list[str] = field(default_factory=list)
    """Files of unknown kind that still hold a name: the user has to look."""


def scrub_files(lake: Lake, names: Mapping[str, str], spoken: Mapping[str, str]) -> Scrubbed:
    """Replace each name (key) by its keyed hash (value) in all files outside the tables' data and the ledger.

    `names` are ids, URLs and content hashes: a file whose path holds one is deleted, and Parquet files lose the rows
    that hold one. `spoken` are titles and people, which may be words of something else: they are only replaced.
    """
    scrubbed = Scrubbed()
    for path in lake.disk.files(lake.root):
        relative = path.removeprefix(lake.root + "/")
        if _has_own_way(relative):
            continue
        if any(name in relative for name in names):
            lake.disk.delete(path)
            scrubbed.deleted.append(relative)
            continue
        _scrub_file(lake, path, relative, names, spoken, scrubbed)
    return scrubbed


def _has_own_way(relative: str) -> bool:
    table, _, file_path = relative.partition("/")
    is_table_data = table in TABLES and file_path.endswith(".parquet")
    return is_table_data or relative.startswith(("snapshots/", "ledger.sqlite"))


def _scrub_file(
    lake: Lake, path: str, relative: str, names: Mapping[str, str], spoken: Mapping[str, str], done: Scrubbed
) -> None:
    try:
        raw = lake.disk.read(path)
    except FileNotFoundError:
        return
    if relative.endswith(".parquet"):
        _scrub_parquet(lake, path, relative, names, spoken, done)
    elif any(name.encode() in raw for name in (*names, *spoken)):
        if not relative.endswith(TEXT_SUFFIXES):
            done.holding.append(relative)
            return
        text = replaced(raw.decode(errors="surrogateescape"), {**spoken, **names})
        lake.disk.write(path, text.encode(errors="surrogateescape"))
        done.rewritten.append(relative)


def _scrub_parquet(
    lake: Lake, path: str, relative: str, names: Mapping[str, str], spoken: Mapping[str, str], done: Scrubbed
) -> None:
    try:
        table = pq.read_table(lake.disk.inner(path), filesystem=lake.disk.filesystem, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise LakeError(f"{path} cannot be read, so nobody knows what it holds: delete it and run again") from error
    keep = [not any(_mentions(value, names) for value in row.values()) for row in _string_rows(table)]
    kept_rows, changed = replace_cells(table.filter(pa.array(keep, pa.bool_())), spoken)
    if all(keep) and not changed:
        return
    sink = pa.BufferOutputStream()
    pq.write_table(kept_rows, sink, compression="zstd")
    lake.disk.write(path, sink.getvalue().to_pybytes())
    done.rewritten.append(relative)


def _string_rows(table: pa.Table) -> list[dict[str, str | None]]:
    strings = [field.name for field in table.schema if pa.types.is_string(field.type)]
    return list(table.select(strings).to_pylist()) if strings else [{}] * table.num_rows


def _mentions(value: str | None, names: Mapping[str, str]) -> bool:
    return value is not None and any(name in value for name in names)


def replace_cells(
    table: pa.Table, anywhere: Mapping[str, str], whole: Mapping[str, str] | None = None
) -> tuple[pa.Table, int]:
    """The table with names replaced inside text (`anywhere`) and as whole cells (`whole`), and the rows changed."""
    changed_rows: set[int] = set()
    for place, column_field in enumerate(table.schema):
        if not pa.types.is_string(column_field.type):
            continue
        old = table.column(place).to_pylist()
        new = [_cell(text, anywhere, whole or {}) for text in old]
        differing = {i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b}
        if differing:
            changed_rows |= differing
            table = table.set_column(place, column_field, pa.chunked_array([pa.array(new, column_field.type)]))
    return table, len(changed_rows)


def _cell(text: str | None, anywhere: Mapping[str, str], whole: Mapping[str, str]) -> str | None:
    if text is None:
        return None
    if text in whole:
        return whole[text]
    return replaced(text, anywhere) if any(name in text for name in anywhere) else text


def replaced(text: str, names: Mapping[str, str]) -> str:
    """`text` with every name replaced, the longest first, so that a name inside another does no harm."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    return text
