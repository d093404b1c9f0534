"""`hmmr data`: check and prepare the benchmark data that a user has."""

from pathlib import Path
from typing import Annotated

import typer

from cli.common import as_user_error, resumable

app = typer.Typer(add_completion=False, help="Check and prepare benchmark data that you have.", no_args_is_help=True)

NAME = typer.Argument(help="Which benchmark; `hmmr data list` names them.")
FOLDER = typer.Argument(help="Its folder, as unpacked from the official download.")


@app.command("list")
def list_datasets() -> None:
    """Name every benchmark that can be read, with what to download and how it must lie on the disk."""
    from evaluation.readers.datasets import DATASETS

    for dataset in DATASETS.values():
        typer.echo(f"{dataset.name:14s} {dataset.words}")


@app.command()
def check(name: Annotated[str, NAME], folder: Annotated[Path, FOLDER]) -> None:
    """Say file by file whether a copy is complete, readable and right way round. Ends non-zero if one is not.

    Reads every label file; looks for every picture; checks left and right, bone lengths, and that 3D projects onto 2D.
    """
    from evaluation.readers.data_check import check_dataset
    from evaluation.readers.datasets import dataset_named
    from flows.progress import counting_bar

    bad = total = 0
    dataset = dataset_named(name)
    with counting_bar(f"checking {name}") as progress:
        for report in check_dataset(dataset, folder):
            total, bad = total + 1, bad + (not report.ok)
            progress(total, len(dataset.files(folder)))
            shown = report.path.relative_to(folder) if report.path.is_relative_to(folder) else report.path
            typer.echo(f"{'ok ' if report.ok else 'BAD'} {shown}: {report.words}")
    typer.echo(f"{name}: {total - bad} of {total} fine" + (f", {bad} not" if bad else ""))
    raise typer.Exit(1 if bad else 0)


PHI = typer.Option(
    help="Image feature: blazepose_penultimate, keypoints, resnet50_v2:CHECKPOINT, as in `hmmr harvest`."
)
OUT = typer.Option(help="Lake to write; the same command goes on where it was.")
SMPL = typer.Option(
    help="Folder with SMPL_NEUTRAL, SMPL_MALE, SMPL_FEMALE: gives 3D keypoints where labels are SMPL's."
)
DEVICE = typer.Option(help="Where the feature is computed: cpu, cuda, mps.")
ONLY = typer.Option(help="Only this split; may be given more than once.")


@app.command()
def prepare(
    name: Annotated[str, NAME],
    folder: Annotated[Path, FOLDER],
    out: Annotated[Path, OUT],
    phi: Annotated[str, PHI] = "blazepose_penultimate",
    smpl: Annotated[Path | None, SMPL] = None,
    split: Annotated[list[str] | None, ONLY] = None,
    device: Annotated[str, DEVICE] = "cpu",
) -> None:
    """Turn a benchmark's pictures and labels into a lake that `hmmr train --labelled` and `hmmr evaluate` read.

    Boxes from its own 2D labels (HMMR's smoothing), crops, image features, 3D labels in the camera frame.
    """
    from evaluation.readers.datasets import dataset_named
    from flows.prepare import BodyKeypoints, Prepared
    from flows.prepare import prepare as run
    from flows.progress import counting_bar
    from harvest.registry import make_phis
    from storage.lake import Lake

    done = Prepared()
    with as_user_error(ValueError, ImportError):
        (network,) = make_phis([phi], device)
    bodies = BodyKeypoints(smpl) if smpl else None
    with resumable("the same command goes on where it was"), counting_bar(f"preparing {name}") as progress:
        for done in run(dataset_named(name), folder, Lake(out), network, from_body=bodies, splits=split or ()):
            progress(done.tracklets, None, f"tracklets, {done.frames} frames")
    left = "".join(f"; {reason} {count}" for reason, count in sorted(done.counted.items()) if count)
    typer.echo(f"{out}: {done.tracklets} tracklets, {done.frames} frames written, {done.there} were there{left}")
