"""`hmmr status`: what runs on this machine, and how far the lake's work is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.up import PROJECT

if TYPE_CHECKING:
    from flows.fleet.machine import Fleet
    from flows.fleet.state import FleetState

app = typer.Typer(add_completion=False, help="What of the fleet runs, and how far the lake's work is.")

LAKE = typer.Option("--lake", help="Folder or s3:// URL of the lake; else $HMMR_LAKE, else PROJECT/lake.")
JSON = typer.Option("--json", help="Print one JSON object.")


@app.command()
def status(
    project: Annotated[Path, PROJECT] = Path("."),
    lake: Annotated[str | None, LAKE] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Server, workers online, runs by state, the next harvest, and the books. Exit code 1 if no server answers."""
    import json
    import os
    from dataclasses import asdict

    from flows.fleet.machine import FleetError, read_fleet
    from flows.fleet.state import fleet_state

    try:
        fleet = read_fleet(project)
    except FleetError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    state = fleet_state(fleet, lake or os.environ.get("HMMR_LAKE") or str(project / "lake"))
    typer.echo(json.dumps(asdict(state)) if as_json else "\n".join(_lines(fleet, state)))
    if not state.server:
        raise typer.Exit(1)


def _lines(fleet: "Fleet | None", state: "FleetState") -> list[str]:
    """For a terminal."""
    if fleet is None or not state.server:
        said = ["server    does not run; `hmmr up` starts it"]
    else:
        said = [f"server    {fleet.api_url.removesuffix('/api')}"]
        said += [f"workers   {pool}: {count} online" for pool, count in state.workers.items()]
        for flow, states in state.runs.items():
            said.append(f"runs      {flow}: {', '.join(f'{count} {name}' for name, count in states.items())}")
        said.append(f"next      harvest at {state.next_harvest or 'no time: its schedule is off'}")
    if state.books is not None:
        said.append("books     " + ", ".join(f"{count} {name}" for name, count in state.books.as_dict().items()))
    return said
