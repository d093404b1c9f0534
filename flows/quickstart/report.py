"""The quickstart's last step: its numbers as one JSON object and one page, with sentences made from them.

Every number is read from the lake. Pictures are frames of test films with the 2D tracklet and the predicted body.
"""

import itertools
import json
import shlex
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow.compute as pc

from body.model import BodyModel
from dashboard.page import Own, Picture, export
from evaluation.score import MACRO
from flows.films import QuickstartConfig
from flows.provenance import package_versions
from flows.quickstart.cells import best_checkpoint
from flows.study.cells import StudyContext
from harvest.video.decode import DecodeConfig, Frame, Video
from hmmr_model.export.pictures import png_bytes, three_panels
from hmmr_model.predict import predict_lake
from storage.atomic import write_json_atomically
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.tables import iter_tracklets, read_labels3d

METRICS = ("mpjpe_mm", "pa_mpjpe_mm", "accel_error_mm_frame2", "mirrored_share")
POINT = ("variant", "phi", "hours", "seed", "dataset", "split", "protocol")

INTRO = (
    "People in these films are synthetic and their motion is written by hand. What is measured is how the method uses "
    "added video, not how well it would do on yours. The feature comes from BlazePose, which was itself trained with "
    "3D labels: its own 3D, without any training here, is the row zero_shot. Every choice was made on dev films."
)


def points(lake: Lake, study: str) -> list[dict[str, Any]]:
    """One dict for each scored model and baseline: POINT and METRICS, means over films of the mean over frames."""
    where = (pc.field("study") == study) & (pc.field("sequence") == MACRO) & pc.field("metric").isin(list(METRICS))
    values_of: dict[tuple[Any, ...], dict[str, float]] = defaultdict(dict)
    for row in lake.read("scores", None, where).to_pylist():
        key = tuple(row["phi_name" if name == "phi" else name] for name in POINT)
        values_of[key][row["metric"]] = row["value"]
    return [dict(zip(POINT, key, strict=True)) | values for key, values in sorted(values_of.items())]


def write_report(
    lake: Lake, study: str, out: Path, *, snapshot: str, checkpoint: Path, films: Path, pictures: Sequence[Picture],
    extra: dict[str, Any],
) -> Path:  # fmt: skip
    """Write OUT/report.json and OUT/report.html, each whole or not at all; returns the page's path."""
    scored = points(lake, study)
    books = Ledger.open(lake.root).books()
    report = {
        "cells": [point for point in scored if point["variant"] == "semi"],
        "baselines": [point for point in scored if point["variant"] not in ("semi", "candidate")],
        "candidates_on_dev": [point for point in scored if point["variant"] == "candidate"],
        "books": asdict(books),
        "snapshot": snapshot,
        "versions": package_versions(),
        "checkpoint": str(checkpoint),
        "lake": lake.root,
        "films": str(films),
        **extra,
    }
    write_json_atomically(out / "report.json", report)
    own = Own(sentences(scored), INTRO, pictures, next_commands(out))
    return export(lake, out / "report.html", title="What the added video was worth: quickstart", own=own)


def sentences(scored: Sequence[Mapping[str, Any]]) -> list[str]:
    """Three sentences on what the numbers show and do not show, on test films: means over seeds, in mm.

    `scored` are dicts of `points`. Empty where the curve has not both ends.
    """
    test = [point for point in scored if point["split"] == "test"]
    hours = sorted({point["hours"] for point in test if point["variant"] == "semi"})
    if len(hours) < 2:
        return []
    metric = "pa_mpjpe_mm"
    ends = [[p[metric] for p in test if p["variant"] == "semi" and p["hours"] == h] for h in (hours[0], hours[-1])]
    start, end = (fmean(values) for values in ends)
    change = "lowered" if end < start else "did not lower"
    first = (
        f"{hours[-1] * 60:.1f} minutes of harvested film {change} the 3D error of a small model from {start:.1f} to "
        f"{end:.1f} mm PA-MPJPE on test films."
    )
    return [text for text in (first, _free_network(test, end), _what_seeds_cannot_say(ends)) if text]


def _free_network(test: Sequence[Mapping[str, Any]], end: float) -> str | None:
    """Compares the model with the 3D that the 2D network gives by itself, smoothed where that was scored."""
    for variant, words in (("zero_shot_smoothed", "smoothed over time"), ("zero_shot", "frame by frame")):
        scored = [point for point in test if point["variant"] == variant]
        if scored:
            error, shake = (fmean(point[name] for point in scored) for name in ("pa_mpjpe_mm", "accel_error_mm_frame2"))
            verdict = "better than this model" if error < end else "worse than this model"
            return (
                f"The 2D network's own 3D ({words}), for free, is at {error:.1f} mm, {verdict}, with an acceleration "
                f"error of {shake:.1f} mm/frame²."
            )
    return None


def _what_seeds_cannot_say(ends: Sequence[Sequence[float]]) -> str:
    seeds = min(len(values) for values in ends)
    gap = max(max(values) - min(values) for values in ends)
    return (
        f"With {seeds} seeds, which differ by up to {gap:.1f} mm at one size, this shows a direction; it gives no "
        "interval and no verdict, and it says nothing of real people: these are synthetic."
    )


def next_commands(out: Path) -> list[tuple[str, str]]:
    """Three commands that go on from this run, with its own paths."""
    lake, model, labelled = (shlex.quote(str(out / name)) for name in ("lake", "model.pt", "labelled"))
    return [
        (
            f"hmmr predict clip.mp4 --checkpoint {model} --out out/motion",
            "3D motion of a clip of yours, with this model",
        ),
        ("hmmr harvest run videos/ --lake mylake", "Tracklets of your own videos"),
        (
            f"hmmr train --lake mylake --labelled {labelled} --out runs/mine",
            f"A model of its own on them and these labelled films; hmmr lake stats --lake {lake} shows this run's data",
        ),
    ]


def summary(report: Path) -> str:
    """The report's table on dev and test, for the terminal: mean over seeds, in mm."""
    content = json.loads(report.read_text())
    groups: dict[tuple[str, str, float], list[dict[str, Any]]] = defaultdict(list)
    for point in content["cells"] + content["baselines"]:
        groups[(point["split"], point["variant"], point["hours"])].append(point)
    lines = [
        f"{'split':<6} {'model':<14} {'hours':>7} {'seeds':>5} {'MPJPE':>7} {'PA-MPJPE':>9} {'accel':>7}  (open_v1, mm)"
    ]
    for (split, variant, hours), members in sorted(groups.items()):
        means = [sum(m[name] for m in members) / len(members) for name in METRICS[:3]]
        row = f"{split:<6} {variant:<14} {hours:>7.4f} {len(members):>5}"
        lines.append(row + " {:>7.1f} {:>9.1f} {:>7.1f}".format(*means))
    return "\n".join(lines)


def make_page(config: QuickstartConfig, context: StudyContext) -> Path:
    """Keep the best checkpoint (by dev) as OUT/model.pt, draw the strip, write report.json and report.html."""
    checkpoint = config.out / "model.pt"
    shutil.copyfile(best_checkpoint(config, context), checkpoint)
    pictures = film_pictures(checkpoint, Lake(config.held_out), config.films / "test")
    return write_report(
        Lake(config.lake), context.study, config.out, snapshot=context.snapshot, checkpoint=checkpoint,
        films=config.films, pictures=pictures, extra={},
    )  # fmt: skip


FILMS, FRAMES = 4, 3
"""How many films a page shows, and how many frames of each."""


def film_pictures(checkpoint: Path, held_out: Lake, films: Path) -> list[Picture]:
    """A PNG for each of a few test films: frame, 2D tracklet on it, predicted mesh on it; time runs down."""
    labels = read_labels3d(held_out, split="test")
    body = BodyModel.load()
    pictures = []
    for tracklet in itertools.islice(iter_tracklets(held_out, list(labels)), FILMS):
        film = labels[tracklet.tracklet_id].truth_id.split(":")[0]
        prediction = predict_lake(checkpoint, held_out, [tracklet.tracklet_id])[tracklet.tracklet_id]
        shown = [len(tracklet.pts) * (2 * i + 1) // (2 * FRAMES) for i in range(FRAMES)]
        pixels = _frames(films / f"{film}.mp4", {int(tracklet.frame_index[i]) for i in shown})
        rows = [
            three_panels(pixels[int(tracklet.frame_index[i])].pixels_HW3, tracklet, prediction, i, body) for i in shown
        ]
        pictures.append(Picture(png_bytes(rows), f"synthetic test film {film}: frame, 2D tracklet, predicted body"))
    return pictures


def _frames(film: Path, indices: Iterable[int]) -> dict[int, Frame]:
    """Frames of a film by decode index."""
    chosen = set(indices)
    video = Video(film, film.name, DecodeConfig(), max_pixels=1 << 24, max_seconds=3600.0)
    return {frame.index: frame for frame in video.frames() if frame.index in chosen}
