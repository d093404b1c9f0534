"""`hmmr predict`: 3D motion of every person in a video or a photograph, as files to go on with."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from body.model import BodyModel
    from hmmr_model.checkpoint import Checkpoint
    from hmmr_model.export.person_motion import PersonMotion

app = typer.Typer(add_completion=False, help="3D motion of every person in a video or an image.")

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")

_WEB = "predict takes a file of this disk: download it first (`hmmr harvest run` takes URLs)"

SOURCE = typer.Argument(help="A video file, or an image.", metavar="VIDEO_OR_IMAGE")
CHECKPOINT = typer.Option("--checkpoint", help="model.pt of `hmmr train`.")
OUT = typer.Option("--out", help="Folder for the files; made if it is not there.")
DEVICE = typer.Option(help="cpu, cuda, cuda:1, mps.")
RENDER = typer.Option("--render/--no-render", help="Draw the overlay (MP4, or the strip of an image).")
PHI = typer.Option(help="The checkpoint's image feature with what it needs, such as resnet50_v1:FILE; else its name.")
REFINE = typer.Option("--refine/--no-refine", help="Move the body onto the 2D keypoints; else as the network says.")
PADDED = typer.Option("--padded", help="Windows padded past both ends, as the released tester; else inside the video.")


@app.command()
def predict(
    source: Annotated[Path, SOURCE],
    checkpoint: Annotated[Path, CHECKPOINT],
    out: Annotated[Path, OUT],
    device: Annotated[str, DEVICE] = "cpu",
    render: Annotated[bool, RENDER] = True,
    refine: Annotated[bool, REFINE] = True,
    padded: Annotated[bool, PADDED] = False,
    phi: Annotated[str | None, PHI] = None,
) -> None:
    """Predict everybody in VIDEO_OR_IMAGE, all frames.

    Writes motion_N.npz, motion_N.glb and motion_N.bvh for person N, and overlay.mp4: the mesh over the pixels beside a
    side view. Of an image, past, present and future come out of that one picture (the hallucinator), and strip.png
    shows them. Where a tracklet breaks, a new N begins. Bodies are moved onto the detected 2D keypoints afterwards,
    which is nearer to the truth too (docs/results/model.md); --no-refine gives the network's own answer.
    """
    from body.mp4 import VideoWriteError
    from cli.common import require_device
    from harvest.errors import HarvestError
    from harvest.weights.packages import WeightsError
    from hmmr_model.checkpoint import BadCheckpointError, load_checkpoint
    from storage.errors import LakeError

    if not source.is_file():
        _fail(f"{source}: {_WEB if re.match('[a-z0-9]+:/', str(source)) else 'no such file'}")
    require_device(device)
    try:
        model = load_checkpoint(checkpoint)
        out.mkdir(parents=True, exist_ok=True)
        if source.suffix.lower() in PHOTO_SUFFIXES:
            people = _photo(source, model, out, device, render, refine, phi or model.config.data.phi_name)
        else:
            people = _video(source, model, out, device, render, refine, padded, phi or model.config.data.phi_name)
    except (
        BadCheckpointError, HarvestError, WeightsError, LakeError, VideoWriteError, ValueError, OSError
    ) as error:  # fmt: skip
        _fail(str(error))
    for number, person in enumerate(people):
        frames = f"frames {person.frame_index[0]} to {person.frame_index[-1]}, {len(person.pts)} predicted"
        typer.echo(f"{out / f'motion_{number}.npz'} (.glb, .bvh): {frames}")


def _video(
    source: Path, model: "Checkpoint", out: Path, device: str, render: bool, refine: bool, padded: bool, phi: str
) -> "Sequence[PersonMotion]":
    from rich.progress import track

    from body.model import BodyModel
    from cli.predict_video import decoded, harvested, predicted, tracklets_of
    from hmmr_model.export.person_motion import people_of_lake
    from hmmr_model.export.pictures import render_motion
    from hmmr_model.predict import Predictor, inner_windows, paper_windows
    from hmmr_model.refine import refine_lake

    lake = harvested(source, phi, out / "lake")
    windows, now = paper_windows if padded else inner_windows, tracklets_of(source, lake)
    predictor = Predictor(model, device)
    found = predicted(predictor, lake, now, windows, source.name)
    if refine:
        found = refine_lake(found, lake, predictor.body)
    body = BodyModel.load(model.config.body)
    people = people_of_lake(found, lake, body)
    _write(people, body, out)
    if render:
        video = decoded(source)
        pictures = ((f.index, f.pixels_HW3) for f in track(video.frames(), "drawing", total=int(video.keep_F.sum())))
        render_motion(pictures, people, body, out / "overlay.mp4", video.working_rate)
    return people


def _photo(
    source: Path, model: "Checkpoint", out: Path, device: str, render: bool, refine: bool, phi: str
) -> "Sequence[PersonMotion]":
    from body.model import BodyModel
    from cli.predict_photo import people_of_photo, read_photo
    from hmmr_model.export.pictures import write_photo_strip

    if not (model.config.model.hallucinate and model.config.model.deltas):
        typer.echo(f"note: a {model.config.preset} model has no hallucinator: no past and future", err=True)
    picture, body = read_photo(source), BodyModel.load(model.config.body)
    people = people_of_photo(picture, model, body, device, phi, refined=refine)
    _write(people, body, out)
    if render:
        write_photo_strip(picture, people, body, out / "strip.png")
    return people


def _write(people: "Sequence[PersonMotion]", body: "BodyModel", out: Path) -> None:
    from hmmr_model.export.bvh import write_bvh
    from hmmr_model.export.gltf import write_glb
    from hmmr_model.export.npz import write_npz

    for old in out.glob("motion_*"):  # of an earlier run, in which there may have been more people
        if re.fullmatch(r"motion_\d+\.(npz|glb|bvh)", old.name):
            old.unlink()
    for number, person in enumerate(people):
        write_npz(person, out / f"motion_{number}.npz")
        write_glb(person, body, out / f"motion_{number}.glb")
        write_bvh(person, body, out / f"motion_{number}.bvh")


def _fail(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(1)
