"""What is asked before something is erased for good."""

import sys

import typer


def agree(count: int, root: str, *, yes: bool) -> None:
    """Go on only with --yes or a person's word. Exit code 2 where there is neither: a pipe cannot be asked."""
    if yes:
        return
    sources = "1 source" if count == 1 else f"{count} sources"
    if not sys.stdin.isatty():
        typer.echo(f"error: this erases {sources} for good; say --yes", err=True)
        raise typer.Exit(2)
    typer.confirm(f"Erase {sources} from {root} for good?", abort=True, err=True)
