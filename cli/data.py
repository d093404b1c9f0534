"""`hmmr data`: check and prepare the benchmark data that a user has."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Check and prepare benchmark data that you have.", no_args_is_help=True)

NAME = typer.Argument(help="Which benchmark; `hmmr data list` names them.")
FOLDER = typer.Argument(help="Its folder, as unpacked from the official download.")


@app.command("list")
def list_datasets() -> None:
    """Name every benchmark that can be read, with what to download and how it must lie on the disk."""
    from evaluation.datasets import DATASETS

    for dataset in DATASETS.values():
        typer.echo(f"{dataset.name:14s} {dataset.words}")


@app.command()
def check(name: Annotated[str, NAME], folder: Annotated[Path, FOLDER]) -> None:
    """Say file by file whether a copy is complete, readable and right way round. Ends non-zero if one is not.

    Reads every label file; looks for every picture; checks left and right, bone lengths, and that 3D projects onto 2D.
    """
    from rich.progress import track

    from evaluation.data_check import check_dataset
    from evaluation.datasets import dataset_named
    from evaluation.errors import EvaluationError

    bad = total = 0
    try:
        dataset = dataset_named(name)
        reports = check_dataset(dataset, folder)
        for report in track(reports, description=f"checking {name}", total=len(dataset.files(folder)), transient=True):
            total, bad = total + 1, bad + (not report.ok)
            shown = report.path.relative_to(folder) if report.path.is_relative_to(folder) else report.path
            typer.echo(f"{'ok ' if report.ok else 'BAD'} {shown}: {report.words}")
    except EvaluationError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{name}: {total - bad} of {total} fine" + (f", {bad} not" if bad else ""))
    raise typer.Exit(1 if bad else 0)
