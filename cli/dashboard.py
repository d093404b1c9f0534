"""`hmmr dashboard`: the page of a lake, served or written."""

from pathlib import Path
from typing import Annotated

import typer

from cli.common import LakeOption, UserError, one_of

app = typer.Typer(add_completion=False, help="Serve or export the page of a lake.")

EXPORT = typer.Option("--export", help="Write one self-contained HTML file there and end.")
TITLE = typer.Option(help="Heading of the page.")
ABOUT = typer.Option(
    help="all; harvest: the books, rejects, sources and costs alone, a page of some 100 kB; labels: what `hmmr harvest "
    "measure` said of the labels' quality."
)
PORT = typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")
OPEN = typer.Option("--open", help="Also open it in the browser.")


@app.command()
def dashboard(
    lake: LakeOption = None,
    export_to: Annotated[Path | None, EXPORT] = None,
    title: Annotated[str, TITLE] = "What the added video was worth",
    about: Annotated[str, ABOUT] = "all",
    port: Annotated[int, PORT] = 8501,
    open_browser: Annotated[bool, OPEN] = False,
) -> None:
    """What runs now, the results, and the labels of a lake, served on this machine; or, with --export, the results
    as one page that asks for no network: curve, verdict, baselines, harvest, costs and runs.

    What is served changes without reload (docs/dashboard.md). Ctrl-C ends it.
    """
    from dashboard.page import SUBJECTS, export
    from dashboard.serve import serve
    from storage.lake import Lake
    from storage.layout import lake_root

    one_of(about, tuple(SUBJECTS), "--about")
    rows = Lake(lake_root(lake), create=False)
    if export_to is not None:
        typer.echo(str(export(rows, export_to, title=title, about=about)))
        return
    try:
        serve(rows, title=title, about=about, port=port, ready=lambda address: _ready(address, open_browser))
    except OSError as error:
        raise UserError(f"port {port}: {error.strerror}; give another with --port") from error


def _ready(address: str, open_browser: bool) -> None:
    typer.echo(f"{address}   (Ctrl-C ends it)")
    if open_browser:
        import webbrowser

        webbrowser.open(address)
