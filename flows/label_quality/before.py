"""Labels by an earlier checkout of this repository on the same films, for columns "before" beside today's.

The checkout's own code labels in a process of its own; today's scorer judges what it wrote, so that a column differs
from its neighbour by the labels alone.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from evaluation.label_quality.people import Labelled, Track
from flows.label_quality.films import KnownFilm

_PROGRAM = """
import json, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from flows.label_quality.filter_presets import EVERYTHING
from flows.label_quality.labels import LabelShelf
from harvest.config import HarvestConfig, LabelConfig
try:
    from harvest.registry import make_backend
except ImportError:
    from harvest.networks import make_backend
task = json.load(sys.stdin)
config = LabelConfig()
shelf = LabelShelf(Path(task["out"]), make_backend(HarvestConfig(label=config)))
for video, kept, unfiltered in task["films"]:
    if Path(kept).exists():
        continue
    labelled = shelf.labels(Path(video), replace(config, preset=EVERYTHING) if unfiltered else config)
    arrays = {"starts": np.array(labelled.starts, np.int64), "count": np.array(len(labelled.tracks))}
    for n, t in enumerate(labelled.tracks):
        arrays |= {f"who{n}": np.array([t.shot, t.person]), f"frames{n}": t.frames_T, f"joints{n}": t.joints_TJ3,
                   f"observed{n}": t.observed_T}
    np.savez(kept + ".tmp.npz", **arrays)
    Path(kept + ".tmp.npz").replace(kept)
"""


def labels_before(checkout: Path, films: Sequence[KnownFilm], out: Path, *, unfiltered: bool = False) -> list[Labelled]:
    """What the code of a checkout makes of the films under its defaults, or before any of its filters. Kept below
    `out`. ValueError for another folder, and with the program's last lines if it fails."""
    if not (checkout / "flows" / "label_quality" / "labels.py").is_file():
        raise ValueError(f"{checkout} is no checkout of this repository that can label films")
    folder = out / "before" / sha256(str(checkout.resolve()).encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    what = "tracks" if unfiltered else "labels"
    kept = [folder / f"{sha256(str(film.path.resolve()).encode()).hexdigest()[:24]}-{what}.npz" for film in films]
    pairs = zip(films, kept, strict=True)
    task = {
        "out": str(folder),
        "films": [(str(film.path.resolve()), str(path.resolve()), unfiltered) for film, path in pairs],
    }
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], input=json.dumps(task), text=True, capture_output=True, cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout.resolve())},
    )  # fmt: skip
    if done.returncode:
        raise ValueError(f"the code of {checkout} did not label the films: {done.stderr.strip()[-400:]}")
    return [_read(path) for path in kept]


def _read(path: Path) -> Labelled:
    with np.load(path, allow_pickle=False) as kept:
        tracks = []
        for n in range(int(kept["count"])):
            shot, person = kept[f"who{n}"].tolist()
            joints_TJ3 = kept[f"joints{n}"].reshape(-1, 25, 3)
            tracks.append(Track(shot, person, kept[f"frames{n}"], joints_TJ3, kept[f"observed{n}"]))
        return Labelled(tracks, kept["starts"].tolist())
