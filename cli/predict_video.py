"""A user's video into a scratch lake, by the same harvest as any other, but with nobody filtered out."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import typer

from flows.progress import HarvestProgress
from harvest.config import HarvestConfig, LabelConfig
from harvest.errors import DecodeFailed
from harvest.fetch.policy import Policy
from harvest.filters.presets import DEFAULT
from harvest.phi.joined import harvested_parts
from harvest.run import harvest
from harvest.sources.expand import expand
from harvest.video.decode import Video
from hmmr_model.predict import Prediction, Predictor, Windows, predict_lake
from hmmr_model.tracks import rate_fits
from storage.lake import Lake
from storage.snapshot import select

EVERYBODY = replace(
    DEFAULT, name="everybody", min_frames=1, upper_only_share=1.1, min_motion=0.0, bystander_motion=0.0,
    min_posture=0.0, max_cut_off=1.0, frozen_s=0.0,
)  # fmt: skip
"""A prediction is wanted of bystanders, seated or cut-off people, photographs and short appearances too."""


def harvested(source: Path, phi: str, scratch: Path) -> Lake:
    """The lake of this one video; what is there from an earlier call is kept. Raises what the harvest says of it."""
    lake = Lake(scratch)
    label = LabelConfig(preset=EVERYBODY)
    config = HarvestConfig(label=label, phis=harvested_parts(phi), workers=1, retry_failed=True)
    with HarvestProgress() as progress:
        report = harvest([source], lake, config, progress=progress)
    for trouble in report.troubles:
        raise DecodeFailed(trouble.name, trouble.message)
    return lake


def tracklets_of(source: Path, lake: Lake) -> tuple[str, ...]:
    """The newest labels of this video alone: an earlier call with the same --out may have left another one's."""
    (item,) = expand([source])
    return select(lake, where=pc.field("source_id") == item.item_id).tracklet_ids


def predicted(
    predictor: Predictor, lake: Lake, ids: Sequence[str], windows: Windows, name: str
) -> dict[str, Prediction]:
    """Every tracklet of the video `name`. A frame rate that no training took is a note on stderr, once a video."""
    data = predictor.checkpoint.config.data
    mine = pc.field("tracklet_id").isin(pa.array(ids, pa.string()))
    rates = lake.read("tracklets", ["fps_num", "fps_den"], mine).to_pylist()
    for fps in sorted({row["fps_num"] / row["fps_den"] for row in rates}):
        if not rate_fits(fps, data):
            trained = f"{data.min_fps:g} to {data.max_fps:g}"
            typer.echo(f"note: {name} has {fps:.3g} frames/s; the model was trained on {trained}", err=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* fps, trained on")  # the same, a tracklet a warning
        return predict_lake(predictor, lake, ids, windows=windows)


def decoded(source: Path) -> Video:
    """The same frames again, for drawing."""
    policy = Policy()
    return Video(source, source.name, LabelConfig().decode, max_pixels=policy.max_pixels, max_seconds=float("inf"))
