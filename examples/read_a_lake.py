"""Read a lake with DuckDB, and as a torch Dataset.

python examples/read_a_lake.py mylake
"""

import sys

import deltalake
import duckdb
import pyarrow.dataset

from hmmr import Tracklets


def main(lake: str) -> None:
    """Print hours by licence, and the shapes of the first tracklet."""
    files = deltalake.DeltaTable(f"{lake}/tracklets").file_uris()
    tracklets = pyarrow.dataset.dataset(files)  # noqa: F841  DuckDB sees it by its name
    print(duckdb.sql("select licence, count(*) as tracklets, sum(seconds) / 3600 as hours from tracklets group by 1"))
    dataset = Tracklets(lake)
    first = dataset[0]
    print(f"{len(dataset)} tracklets; the first has keypoints {tuple(first['keypoints_TJ3'].shape)} (T, 25, 3)")


if __name__ == "__main__":
    main(sys.argv[1])
