"""How much a lake holds of each label version."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from storage.labels.recipes import label_versions, told
from storage.labels.versions import newest_keys
from storage.lake import Lake


@dataclass(frozen=True)
class VersionCount:
    """One version. `words` say what sets it apart from the first."""

    digest: str
    words: str
    began: datetime
    videos: int
    newest: int
    """Videos of which these are the newest labels: what is trained on unless another version is named."""
    tracklets: int
    hours: float


def count_labels(lake: Lake) -> list[VersionCount]:
    """Every version of the lake, the oldest first."""
    columns = ["source_id", "label_key"]
    tracklets, videos = lake.read("tracklets", [*columns, "seconds"]), lake.read("videos", columns)
    newest, counts = newest_keys(lake), []
    for version, words in told(label_versions(lake)):
        tracks = tracklets.filter(version.holds(tracklets))
        filmed = videos.filter(version.holds(videos))
        current = filmed.filter(newest.holds(filmed))
        counts.append(VersionCount(
            version.digest, words, version.began, _sources(filmed), _sources(current), tracks.num_rows,
            float(pc.sum(tracks["seconds"]).as_py() or 0.0) / 3600,
        ))  # fmt: skip
    return counts


def _sources(rows: pa.Table) -> int:
    return len(pc.unique(rows["source_id"]))
