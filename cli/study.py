"""`hmmr study`: accuracy against added video."""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Accuracy against added video: run a grid, fit the law.", no_args_is_help=True)

ROWS = typer.Argument(help="CSV with the columns hours, seed, sequence, error; one row a model and test sequence.")
TARGET = typer.Option("--target", help="Error to reach, in the unit of the rows; may be given more than once.")
COST = typer.Option(help="Cost of one hour of video, in any currency: gives the cost per mm.")
JSON = typer.Option("--json", help="Print one JSON object instead of words.")


@app.callback()
def _study() -> None:
    """The claim under test: more pseudo-labelled video helps, monotonically. It holds, fails, or is undecided."""


@app.command()
def fit(
    rows: Annotated[Path, ROWS],
    target: Annotated[list[float] | None, TARGET] = None,
    cost_per_hour: Annotated[float | None, COST] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Fit laws to anyone's numbers, and say whether more hours helped.

    Rows of a column `variant` other than `semi` are set apart; those of `ceiling` give the share of the gap that was
    closed. Without the column all rows are the study. Errors may be in any unit; words say mm.
    """
    from evaluation.study_report import ReportOptions, report
    from evaluation.study_table import StudyRowsError, read_csv
    from evaluation.study_text import text

    try:
        tables = read_csv(rows)
        found = report(tables, ReportOptions(targets=tuple(target or ()), cost_per_hour=cost_per_hour))
    except (StudyRowsError, OSError, UnicodeDecodeError) as error:
        typer.echo(f"hmmr study fit: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(json.dumps(found) if as_json else text(found))
