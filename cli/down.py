"""`hmmr down`: stop what `hmmr up` started."""

from pathlib import Path
from typing import Annotated

import typer

from cli.up import PROJECT

app = typer.Typer(add_completion=False, help="Stop what `hmmr up` started.")


@app.command()
def down(project: Annotated[Path, PROJECT] = Path(".")) -> None:
    """Stop workers, their runs and the server. What was finished is in the lake; the next `hmmr up` goes on."""
    from flows.fleet.machine import stop

    if not stop(project, typer.echo):
        typer.echo("nothing runs here")
