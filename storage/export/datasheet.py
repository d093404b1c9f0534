"""DATASHEET.md of a snapshot, counted from its rows (after Gebru et al. 2018, "Datasheets for Datasets")."""

from collections import Counter
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from storage.labels.versions import same_labels
from storage.lake import Lake
from storage.snapshot import Snapshot

_TEXT = """# Datasheet of snapshot {digest}

Generated on {date} from the rows; nothing in it is written by hand.

## What it is
{tracklets} tracklets ({hours:.3f} hours of people, {frames} frames) of {sources} videos. A tracklet is one person
followed through one shot: frame times, boxes, 25 keypoints a frame found by a 2D network, and image features.
These are pseudo-labels: nobody has checked them by eye. No pixels are included.

## Where it is from
{by_host}

## By what right
{by_licence}

"vouched" means that a user of the harvester said so, on the date that the row names. "unknown" means no: such rows
must not be here unless somebody put them in by hand.

## How it was labelled
{by_backend}

{by_preset}

{by_key}

## What was refused
Of the same videos, these stretches were not kept:

{by_reason}

## Length and quality
Seconds of a tracklet: {seconds}. Mean keypoint score: {score}. Size of a person in px: {size}.

## Known bias
* Whoever films, uploads and allows reuse is not everybody: hosts, places, ages, clothes and bodies are not balanced,
  and nothing here measures them.
* The 2D network finds some people better than others; where it fails, people are missing, which looks like a filter.
* Filters drop short, small, occluded and crowded people. The table above says how many stretches went.
* Scores of keypoints are the network's own and not calibrated.

## Keeping it
People may take their videos back. `hmmr lake erase` removes a source from the lake and names this snapshot in its
receipt; a copy of this folder does not know. Look the sources in ATTRIBUTION.csv up again before each use, delete what
is gone, and do not keep the folder for longer than the work needs it. It is not for identifying people.
"""


def datasheet(lake: Lake, snapshot: Snapshot) -> str:
    """The page as Markdown."""
    columns = ["tracklet_id", "source_id", "n_frames", "seconds", "mean_score", "median_diagonal_px", "licence",
               "backend", "preset", "label_key"]  # fmt: skip
    among = pc.field("tracklet_id").isin(snapshot.ids)
    mine = same_labels(lake, snapshot.ids)
    rows = lake.read("tracklets", columns, among)
    videos = lake.read("videos", ["source_id", "host"], mine)
    hosts = dict(zip(videos["source_id"].to_pylist(), videos["host"].to_pylist(), strict=True))
    rejects = lake.read("rejects", ["reason"], mine)["reason"].to_pylist()
    return _TEXT.format(
        digest=snapshot.digest,
        date=datetime.now(UTC).date().isoformat(),
        tracklets=rows.num_rows,
        hours=snapshot.hours,
        frames=pc.sum(rows["n_frames"]).as_py() or 0,
        sources=len(snapshot.sources),
        by_host=_table("host", Counter(hosts.get(s, "unknown") for s in rows["source_id"].to_pylist())),
        by_licence=_table("licence", Counter(rows["licence"].to_pylist())),
        by_backend=_table("2D backend", Counter(rows["backend"].to_pylist())),
        by_preset=_table("filter preset", Counter(rows["preset"].to_pylist())),
        by_key=_table("label_key", Counter(key[:16] for key in rows["label_key"].to_pylist())),
        by_reason=_table("reason", Counter(rejects), what="stretches"),
        seconds=_spread(rows["seconds"]),
        score=_spread(rows["mean_score"]),
        size=_spread(rows["median_diagonal_px"]),
    )


def _table(title: str, counts: "Counter[str]", what: str = "tracklets") -> str:
    lines = [f"| {title} | {what} |", "|---|---|"]
    return "\n".join(
        [*lines, *(f"| {str(name).replace('|', ' ')} | {count} |" for name, count in counts.most_common(30))]
    )


def _spread(column: pa.ChunkedArray) -> str:
    if not len(column):
        return "none"
    low, middle, high = pc.quantile(column, [0.05, 0.5, 0.95]).to_pylist()
    return f"median {middle:.2f} (5 % to 95 %: {low:.2f} to {high:.2f})"
