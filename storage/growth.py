"""How much the lake has grown since it was last trained on: what makes the harvest call for training."""

import json

import pyarrow.compute as pc

from storage.lake import Lake


def hours_since_training(lake: Lake) -> float:
    """Pseudo-labelled hours in the lake, less those that the newest training run saw (all, if there was none)."""
    seconds = lake.read("tracklets", ["seconds"])["seconds"]
    now = float(pc.sum(seconds).as_py() or 0.0) / 3600.0
    runs = lake.read("runs", ["started_at", "config"], pc.field("kind") == "train").sort_by("started_at")
    if not runs.num_rows:
        return now
    return now - float(json.loads(runs["config"][-1].as_py()).get("lake_hours", 0.0))
