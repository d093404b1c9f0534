"""3D motion of everybody in a user's video, which is harvested into a scratch lake with all filters off."""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from body.model import BodyModel
from flows.progress import HarvestProgress, counting_bar
from harvest.config import HarvestConfig, LabelConfig
from harvest.errors import DecodeFailed
from harvest.fetch.policy import Policy
from harvest.filters.presets import DEFAULT
from harvest.phi.joined import harvested_parts
from harvest.run import harvest
from harvest.sources.expand import expand
from harvest.video.decode import Video
from hmmr_model.checkpoint import Checkpoint
from hmmr_model.export.bvh import write_bvh
from hmmr_model.export.gltf import write_glb
from hmmr_model.export.npz import write_npz
from hmmr_model.export.person_motion import PersonMotion, people_of_lake
from hmmr_model.predict import Prediction, Predictor, Windows, predict_lake
from hmmr_model.refine import refine_lake
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
    predictor: Predictor, lake: Lake, ids: Sequence[str], windows: Windows, name: str, note: Callable[[str], None]
) -> dict[str, Prediction]:
    """Every tracklet of the video `name`. `note` is told once of a frame rate that no training took."""
    data = predictor.checkpoint.config.data
    mine = pc.field("tracklet_id").isin(pa.array(ids, pa.string()))
    rates = lake.read("tracklets", ["fps_num", "fps_den"], mine).to_pylist()
    for fps in sorted({row["fps_num"] / row["fps_den"] for row in rates}):
        if not rate_fits(fps, data):
            trained = f"{data.min_fps:g} to {data.max_fps:g}"
            note(f"{name} has {fps:.3g} frames/s; the model was trained on {trained}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* fps, trained on")  # the same, a tracklet a warning
        return predict_lake(predictor, lake, ids, windows=windows)


def decoded(source: Path) -> Video:
    """The same frames again, for drawing."""
    policy = Policy()
    return Video(source, source.name, LabelConfig().decode, max_pixels=policy.max_pixels, max_seconds=float("inf"))


def predict_video(
    source: Path,
    model: Checkpoint,
    out: Path,
    *,
    device: str,
    phi: str,
    windows: Windows,
    refined: bool,
    render: bool,
    note: Callable[[str], None],
    focal: float | None = None,
) -> Sequence[PersonMotion]:
    """Motion of everybody in a video; writes motion_N.npz, .glb, .bvh and, with `render`, overlay.mp4 into `out`.

    `focal` is the camera's, in px; None assumes the frame's diagonal. `note` gets a line for what the user should know
    and need not mend. Raises the harvest's and the writer's errors.
    """
    lake = harvested(source, phi, out / "lake")
    predictor = Predictor(model, device)
    predictions = predicted(predictor, lake, tracklets_of(source, lake), windows, source.name, note)
    if refined:
        phi_name = model.config.data.phi_name
        predictions = refine_lake(predictions, lake, predictor.body, phi_name=phi_name, focal=focal)
    body = BodyModel.load(model.config.body)
    people = people_of_lake(predictions, lake, body, focal)
    write_people(people, body, out)
    if render:
        from hmmr_model.export.pictures import render_motion  # late: the renderer compiles, and nobody waits for it yet

        video = decoded(source)
        with counting_bar("drawing") as progress:
            pictures = _pictures(video, progress)
            render_motion(pictures, people, body, out / "overlay.mp4", video.working_rate)
    return people


def _pictures(video: Video, progress: Callable[..., None]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    total = int(video.keep_F.sum())
    for number, frame in enumerate(video.frames(), start=1):
        progress(number, total)
        yield frame.index, frame.pixels_HW3


def write_people(people: Sequence[PersonMotion], body: BodyModel, out: Path) -> None:
    """motion_N.npz, .glb and .bvh of person N of one clip, on one clock; those of an earlier run, which may have had
    more people, are removed."""
    for old in out.glob("motion_*"):
        if re.fullmatch(r"motion_\d+\.(npz|glb|bvh)", old.name):
            old.unlink()
    start = min((int(person.pts[0]) for person in people), default=0)
    for number, person in enumerate(replace(person, clock_start=start) for person in people):
        write_npz(person, out / f"motion_{number}.npz")
        write_glb(person, body, out / f"motion_{number}.glb")
        write_bvh(person, body, out / f"motion_{number}.bvh")
