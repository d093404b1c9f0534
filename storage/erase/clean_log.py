"""What other writers of Delta leave in a table's log: minima and maxima of the rows, taken out when a source goes.

Our own commits say how many rows a file has and nothing else. Delta's optimize, or a user's own append, adds column
statistics to the JSON of its commit and to the checkpoints.
"""

import json

import pyarrow.parquet as pq

from storage.errors import LakeDamaged
from storage.json_text import BadJsonError, read_object
from storage.lake import Lake


def clean_log(lake: Lake, name: str) -> int:
    """Strip the statistics from every commit of a table, and replace checkpoints that have some; returns how many
    files of the log were changed. Call it after the rows are gone: a new checkpoint tells of live files only."""
    paths = lake.disk.files(f"{lake.layout.table(name)}/_delta_log")
    commits = [path for path in paths if path.endswith(".json") and _strip_commit(lake, path)]
    stale = [path for path in paths if path.endswith(".checkpoint.parquet") and _has_statistics(lake, path)]
    table = lake.folder(name).open()
    if not stale or table is None:
        return len(commits)
    table.create_checkpoint()
    newest = f"{int(table.version()):020d}.checkpoint"
    for path in stale:
        if not path.rsplit("/", 1)[-1].startswith(newest):
            lake.disk.delete(path)
    return len(commits) + len(stale)


def _strip_commit(lake: Lake, path: str) -> bool:
    raw = lake.disk.read(path)
    if b"minValues" not in raw:
        return False
    try:
        actions = [read_object(line) for line in raw.splitlines() if line.strip()]
        for action in actions:
            for kind in ("add", "remove"):
                if isinstance(action.get(kind), dict) and action[kind].get("stats"):
                    rows = read_object(action[kind]["stats"]).get("numRecords")
                    action[kind]["stats"] = json.dumps({"numRecords": rows})
    except BadJsonError as error:
        raise LakeDamaged(f"{path} is no commit of a Delta table: {error}") from error
    lake.disk.write(path, "".join(json.dumps(action) + "\n" for action in actions).encode())
    return True


def _has_statistics(lake: Lake, path: str) -> bool:
    table = pq.read_table(lake.disk.inner(path), filesystem=lake.disk.filesystem, partitioning=None)
    return "minValues" in str(table.to_pylist())
