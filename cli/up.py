"""`hmmr up`: a Prefect server, its pools, deployments and workers on this machine, in one command."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, help="Start a Prefect server, pools, deployments and workers on this machine.")

PROJECT = typer.Option("--project", help="Folder with sources.yaml; lake, runs and logs go there.", file_okay=False)
PORT = typer.Option("--port", min=1, max=65535, help="Of the server, on 127.0.0.1; as it is, 4200 or one that is free.")
AUTH = typer.Option("--auth", help="Ask for a password: one is made and kept in PROJECT/.hmmr/auth.")


@app.command()
def up(
    project: Annotated[Path, PROJECT] = Path("."),
    port: Annotated[int | None, PORT] = None,
    auth: Annotated[bool, AUTH] = False,
) -> None:
    """Start what runs the harvest every night: server (loopback only), pools, deployments, one worker for each pool.

    Safe to call again: what runs is left alone, what has died comes back. `hmmr down` stops it.
    """
    from flows.fleet.machine import start

    fleet = start(project, port, with_auth=auth, tell=typer.echo)
    typer.echo(f"for prefect's own commands:  source {fleet.folder}/env")
