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
METRICS = typer.Option("--metrics", help="Print the lake's numbers as Prometheus wants them.")
SERVE = typer.Option("--serve", min=1, max=65535, help="Serve those numbers on this port of 127.0.0.1 until Ctrl-C.")
JSON = typer.Option("--json", help="Print one JSON object.")


@app.command()
def status(
    project: Annotated[Path, PROJECT] = Path("."),
    lake: Annotated[str | None, LAKE] = None,
    as_json: Annotated[bool, JSON] = False,
    metrics: Annotated[bool, METRICS] = False,
    serve: Annotated[int | None, SERVE] = None,
) -> None:
    """Server, workers online, runs by state, the next harvest, and the books. Exit code 1 if no server answers."""
    import json
    import os

    place = lake or os.environ.get("HMMR_LAKE") or str(project / "lake")
    if metrics or serve is not None:
        _metrics(place, serve)
        return
    from dataclasses import asdict

    from flows.fleet.machine import read_fleet
    from flows.fleet.state import fleet_state

    fleet = read_fleet(project)
    state = fleet_state(fleet, place)
    typer.echo(json.dumps(asdict(state)) if as_json else "\n".join(_lines(fleet, state)))
    if not state.server:
        raise typer.Exit(1)


def _metrics(lake: str, port: int | None) -> None:
    """Print them once, or serve them until Ctrl-C."""
    from cli.common import opened
    from flows.fleet.gauges import measure, prometheus_text, serve_metrics

    with opened(lake) as (rows, ledger):
        if port is None:
            typer.echo(prometheus_text(measure(rows, ledger)), nl=False)
            return
        typer.echo(f"http://127.0.0.1:{port}/metrics; Ctrl-C ends it", err=True)
        serve_metrics(rows, ledger, port)


def _lines(fleet: "Fleet | None", state: "FleetState") -> list[str]:
    """For a terminal."""
    if fleet is None or not state.server:
        lines = ["server    does not run; `hmmr up` starts it"]
    else:
        lines = [f"server    {fleet.api_url.removesuffix('/api')}"]
        lines += [f"workers   {pool}: {count} online" for pool, count in state.workers.items()]
        for flow, states in state.runs.items():
            lines.append(f"runs      {flow}: {', '.join(f'{count} {name}' for name, count in states.items())}")
        lines.append(f"next      harvest at {state.next_harvest or 'no time: its schedule is off'}")
    if state.books is not None:
        lines.append("books     " + ", ".join(f"{count} {name}" for name, count in state.books.as_dict().items()))
    return lines
