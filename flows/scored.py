"""What a lake has scores of, read once for many cells: with hundreds of cells the table has as many files."""

from pathlib import Path

import pyarrow.compute as pc

from storage.lake import Lake

Key = tuple[str, str, str, str, str]
"""Study, run, variant, dataset, split."""

_COLUMNS = ["study", "run_id", "variant", "dataset", "split"]


def scored_sets(lake: Path, run_id: str | None = None) -> set[Key]:
    """Every key that there are scores of; of one run where it is named."""
    where = None if run_id is None else pc.field("run_id") == run_id
    table = Lake(lake).read("scores", _COLUMNS, where)
    told = table.group_by(_COLUMNS).aggregate([]).to_pylist()
    return {(row["study"], row["run_id"], row["variant"], row["dataset"], row["split"]) for row in told}
