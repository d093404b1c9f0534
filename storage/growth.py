"""How much the lake has grown since it was last trained on: what makes the harvest call for training."""

import pyarrow.compute as pc

from storage.json_text import BadJsonError, number, read_object
from storage.lake import Lake


def hours_since_training(lake: Lake) -> float:
    """Pseudo-labelled hours in the lake, less those that the newest training run saw (all, if there was none). A run
    that does not say what it saw counts as none."""
    seconds = lake.read("tracklets", ["seconds"])["seconds"]
    now = float(pc.sum(seconds).as_py() or 0.0) / 3600.0
    runs = lake.read("runs", ["started_at", "config"], pc.field("kind") == "train").sort_by("started_at")
    for config in reversed(runs["config"].to_pylist()):
        try:
            return now - number(read_object(config)["lake_hours"])
        except (BadJsonError, KeyError):
            continue
    return now
