"""`hmmr quickstart`: the main job on films made here."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cli.common import leave_on_interrupt

app = typer.Typer(add_completion=False, help="The main job on films made here, from nothing to a page.")

OUT = typer.Option(help="Where everything goes. Remove it to start afresh.")


@app.command()
def quickstart(out: Annotated[Path, OUT] = Path("out/quickstart")) -> None:
    """Make synthetic films, harvest them by URL, train HMMR on them, score it, and write OUT/report.html.

    Takes about five minutes on two cores. Ctrl-C anywhere and run it again: it goes on where it was.
    Runs as Prefect flows, on Prefect's own temporary server or on the one that PREFECT_API_URL names.
    """
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    _quiet_prefect(out)
    from flows.quickstart.flow import quickstart_flow
    from flows.quickstart.report import summary

    leave_on_interrupt("stopped; run the same command again and it goes on where it was")
    page = quickstart_flow(str(out))
    typer.echo(summary(out / "report.json"))
    typer.echo(f"\npage: {page}\nnumbers: {out / 'report.json'}")


def _quiet_prefect(out: Path) -> None:
    """Before Prefect is imported: its files go below OUT, its log lines give way to our progress bars."""
    defaults = {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "OMP_NUM_THREADS": "1",
    }
    if "PREFECT_API_URL" not in os.environ:
        defaults["PREFECT_HOME"] = str(out / "prefect")
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
