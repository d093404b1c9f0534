"""What is asked before something is erased for good."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from cli.plain_text import plain

if TYPE_CHECKING:
    from storage.lake import Lake
    from storage.ledger.ledger import Ledger

SHOWN = 20
"""Sources that are listed one by one before the question."""


def agree(rows: "Lake", ledger: "Ledger", doomed: Sequence[str], *, yes: bool) -> None:
    """Go on only with --yes or a person's word. Exit code 2 where there is neither: a pipe cannot be asked."""
    from storage.erase.choice import named

    if yes:
        return
    sources = "1 source" if len(doomed) == 1 else f"{len(doomed)} sources"
    if not sys.stdin.isatty():
        typer.echo(f"error: this erases {sources} for good; say --yes", err=True)
        raise typer.Exit(2)
    for source in named(rows, ledger, doomed[:SHOWN]):
        typer.echo(plain(str(source)), err=True)
    if len(doomed) > SHOWN:
        typer.echo(f"and {len(doomed) - SHOWN} more", err=True)
    typer.confirm(f"Erase {sources} from {rows.root} for good?", abort=True, err=True)
