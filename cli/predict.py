"""`hmmr predict`: 3D motion of every person in a video or a photograph, as files to go on with."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import UserError, absent, as_user_error, only_local, require_device

if TYPE_CHECKING:
    from hmmr_model.export.person_motion import PersonMotion

app = typer.Typer(add_completion=False, help="3D motion of every person in a video or an image.")

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")

SOURCE = typer.Argument(help="A video file, or an image.", metavar="VIDEO_OR_IMAGE")
CHECKPOINT = typer.Option("--checkpoint", help="model.pt of `hmmr train`; else the released model.")
FOCAL = typer.Option(help="Focal length of the camera in px; else the frame's diagonal is assumed.", min=1.0)
OUT = typer.Option("--out", callback=only_local, help="Folder for the files; made if it is not there.")
DEVICE = typer.Option(help="cpu, cuda, cuda:1, mps.")
RENDER = typer.Option("--render/--no-render", help="Draw the overlay (MP4, or the strip of an image).")
PHI = typer.Option(help="The checkpoint's image feature with what it needs, such as resnet50_v1:FILE; else its name.")
REFINE = typer.Option("--refine/--no-refine", help="Move the body onto the 2D keypoints; else as the network says.")
AT = typer.Option(help="Seconds: only the picture that the video shows then, as of an image.", min=0.0)
PADDED = typer.Option("--padded", help="Windows padded past both ends, as the released tester; else inside the video.")


@app.command()
def predict(
    source: Annotated[str, SOURCE],
    out: Annotated[Path, OUT],
    checkpoint: Annotated[Path | None, CHECKPOINT] = None,
    device: Annotated[str, DEVICE] = "cpu",
    render: Annotated[bool, RENDER] = True,
    refine: Annotated[bool, REFINE] = True,
    padded: Annotated[bool, PADDED] = False,
    phi: Annotated[str | None, PHI] = None,
    focal: Annotated[float | None, FOCAL] = None,
    at: Annotated[float | None, AT] = None,
) -> None:
    """Predict everybody in VIDEO_OR_IMAGE, all frames.

    Writes motion_N.npz, motion_N.glb and motion_N.bvh for person N, and overlay.mp4: the mesh over the pixels beside a
    side view. Of an image, past, present and future come out of that one picture (the hallucinator), and strip.png
    shows them. Where a tracklet breaks, a new N begins. Everybody stands in metres in the camera's frame. Bodies are
    moved onto the detected 2D keypoints afterwards, which is nearer to the truth too (docs/results/model.md);
    --no-refine gives the network's own answer.
    """
    from flows.predict import predict_video
    from flows.predict_photo import predict_photo
    from hmmr_model.checkpoint import RELEASED, load_checkpoint
    from hmmr_model.predict import inner_windows, paper_windows

    path = _readable(source)
    require_device(device)
    checkpoint = checkpoint or RELEASED
    if not checkpoint.exists():
        raise absent(checkpoint, "; `hmmr train` writes OUT/model.pt")
    model = load_checkpoint(checkpoint)
    out.mkdir(parents=True, exist_ok=True)
    phi_name = phi or model.config.data.phi_name
    with as_user_error(ValueError, ImportError):
        if _has_one_instant(path, at):
            if not (model.config.model.hallucinate and model.config.model.deltas):
                _note(f"a {model.config.preset} model has no hallucinator: no past and future")
            people: Sequence[PersonMotion] = predict_photo(
                path, model, out, device=device, phi=phi_name, refined=refine, render=render, focal=focal,
                at_s=at,
            )  # fmt: skip
        else:
            people = predict_video(
                path, model, out, device=device, phi=phi_name, windows=paper_windows if padded else inner_windows,
                refined=refine, render=render, note=_note, focal=focal,
            )  # fmt: skip
    for number, person in enumerate(people):
        frames = f"frames {person.frame_index[0]} to {person.frame_index[-1]}, {len(person.pts)} predicted"
        typer.echo(f"{out / f'motion_{number}.npz'} (.glb, .bvh): {frames}")


def _has_one_instant(path: Path, at: float | None) -> bool:
    """Whether one picture is asked for: of an image, or of a video with --at."""
    from flows.predict_photo import is_picture

    is_photo = path.suffix.lower() in PHOTO_SUFFIXES or is_picture(path)
    if is_photo and at is not None:
        raise typer.BadParameter(f"{path} is an image: it has one instant", param_hint="--at")
    return is_photo or at is not None


def _readable(source: str) -> Path:
    if re.match("[a-z0-9]+://", source):
        raise UserError(
            f"{source}: predict takes a file of this disk: download it first (`hmmr harvest run` takes URLs)"
        )
    path = Path(source)
    if path.is_dir():
        raise UserError(f"{source}: is a folder; name one video or image")
    if not path.is_file():
        raise absent(path)
    return path


def _note(text: str) -> None:
    typer.echo(f"note: {text}", err=True)
