"""A user's video into a scratch lake, by the same harvest as any other, but with nobody filtered out."""

from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc

from flows.harvest_bars import HarvestProgress
from harvest.config import HarvestConfig, LabelConfig
from harvest.decode import Video
from harvest.errors import DecodeFailed
from harvest.phi.joined import harvested_parts
from harvest.policy import Policy
from harvest.presets import DEFAULT
from harvest.run import harvest
from harvest.sources import expand
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


def decoded(source: Path) -> Video:
    """The same frames again, for drawing."""
    policy = Policy()
    return Video(source, source.name, LabelConfig().decode, max_pixels=policy.max_pixels, max_seconds=float("inf"))
