"""Which labels of a source count: those of its newest label_key. A re-labelled video has rows of both for a while.

Legend: N rows, S sources, M pairs of a source and a label_key.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.lake import Lake, LakeReader
from storage.rewrite import change_rows


@dataclass(frozen=True)
class NewestKeys:
    """The newest label_key of each source."""

    source_S: pa.Array
    key_S: pa.Array

    def holds(self, table: pa.Table) -> pa.ChunkedArray:
        """For each row (source_id, label_key) of a table whether it belongs to its source's newest labels.

        A source that nothing was known of has one version: this one.
        """
        place_N = pc.index_in(table["source_id"], value_set=self.source_S)
        return pc.fill_null(pc.equal(self.key_S.take(place_N), table["label_key"]), True)


def newest_keys(lake: LakeReader) -> NewestKeys:
    """Of every source of the lake. `videos` are asked too: the newest labels may have kept no tracklet."""
    columns = ["source_id", "label_key", "committed_at"]
    return newest_among(pa.concat_tables([lake.read(name, columns) for name in ("videos", "tracklets")]))


def newest_among(rows: pa.Table) -> NewestKeys:
    """From rows with source_id, label_key and committed_at: of one instant, the key of the later row."""
    source_N = rows["source_id"].combine_chunks().dictionary_encode()
    key_N = rows["label_key"].combine_chunks().dictionary_encode()
    at_N = rows["committed_at"].cast(pa.int64()).to_numpy()
    place_N = source_N.indices.to_numpy()
    last_S = np.full(len(source_N.dictionary), np.iinfo(np.int64).min)
    np.maximum.at(last_S, place_N, at_N)
    newest_N = at_N == last_S[place_N]
    chosen_S = np.zeros(len(last_S), np.int32)
    chosen_S[place_N[newest_N]] = key_N.indices.to_numpy()[newest_N]
    return NewestKeys(source_N.dictionary, key_N.dictionary.take(pa.array(chosen_S)))


def make_current(lake: Lake, pairs: Collection[tuple[str, str]], now: datetime) -> int:
    """Make labels that the lake has already, (source_id, label_key) each, the newest of their sources again, by the
    time of their row of `videos`. In one version of the table; returns how many were not the newest."""
    if not pairs:
        return 0
    sources = pa.array(sorted({source for source, _ in pairs}), pa.string())
    among, columns = pc.field("source_id").isin(sources), ["source_id", "label_key", "committed_at"]
    newest = newest_among(pa.concat_tables([lake.read(name, columns, among) for name in ("videos", "tracklets")]))
    stale = sorted(set(pairs) - set(zip(newest.source_S.to_pylist(), newest.key_S.to_pylist(), strict=True)))
    if not stale:
        return 0
    # A label_key is the hash of one video's content too, so that a pair of both needs no check of its own.
    source_M, key_M = (pa.array(names, pa.string()) for names in zip(*stale, strict=True))

    def stamp(table: pa.Table) -> tuple[pa.Table, int]:
        mine_N = pc.and_(pc.is_in(table["source_id"], source_M), pc.is_in(table["label_key"], key_M))
        at_N = pc.if_else(mine_N, pa.scalar(now, table["committed_at"].type), table["committed_at"])
        place = table.column_names.index("committed_at")
        return table.set_column(place, table.field(place), at_N), int(pc.sum(mine_N).as_py() or 0)

    where = pc.field("source_id").isin(source_M) & pc.field("label_key").isin(key_M)
    return change_rows(lake, "videos", where, stamp).rows


def same_labels(lake: LakeReader, tracklet_ids: pa.Array) -> pc.Expression:
    """Rows of videos, shots and rejects that belong to the same sources and label versions as these tracklets."""
    among = pc.field("tracklet_id").isin(tracklet_ids)
    rows = lake.read("tracklets", ["source_id", "label_key"], among)
    # A label_key is the hash of one video's content too, so that a pair of both needs no check of its own.
    return pc.field("source_id").isin(rows["source_id"].unique()) & pc.field("label_key").isin(
        rows["label_key"].unique()
    )
