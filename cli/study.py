"""`hmmr study`: accuracy against added video."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from evaluation.study_worth import Worth

app = typer.Typer(
    add_completion=False, help="Accuracy against added video: run a grid, fit the law.", no_args_is_help=True
)

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


STUDY = typer.Argument(help="A YAML file (evaluation/study_grid.py shows its keys); or give --preset.")
PRESET = typer.Option(help="open-quick (ten minutes on two cores) or open-world.")
LAKE = typer.Option("--lake", help="The harvested pool. Without it films are made and harvested below --out.")
LABELLED = typer.Option("--labelled", help="Lake with the labelled set's 3D.")
HELD_OUT = typer.Option("--held-out", help="Lake with dev and test.")
OUT = typer.Option("--out", help="Folder for models, films and the page; else out/NAME.")
PERFECT = typer.Option(help="The pool's films labelled by backend truth, for the row with perfect 2D.")
WORKERS = typer.Option(help="Cells side by side, one thread each; 0 takes one a core.")


@app.command()
def run(
    study: Annotated[str | None, STUDY] = None,
    preset: Annotated[str | None, PRESET] = None,
    lake: Annotated[Path | None, LAKE] = None,
    labelled: Annotated[Path | None, LABELLED] = None,
    held_out: Annotated[Path | None, HELD_OUT] = None,
    out: Annotated[Path | None, OUT] = None,
    perfect: Annotated[Path | None, PERFECT] = None,
    workers: Annotated[int, WORKERS] = 0,
) -> None:
    """Train and score every cell of a grid, fit the laws, write the page.

    A cell whose scores are in the lake is not run again: kill it whenever you like, and the same command goes on.
    """
    import os

    from evaluation.study_grid import StudyConfigError
    from flows.study_places import film_places, given_places
    from flows.study_run import config_of, study_on
    from storage.errors import LakeError

    try:
        if (study is None) == (preset is None):
            raise StudyConfigError("give a YAML file or --preset, not both")
        name = preset or study or ""
        config = config_of(name)
        folder = out or Path("out") / config.name
        count = workers or os.cpu_count() or 1
        places = given_places(lake, labelled, held_out, folder, perfect) or film_places(folder, count)
        for weak in config.weak_spots:
            typer.echo(f"note: {weak}", err=True)
        page = study_on(config, places, count, f"hmmr study run {'--preset ' if preset else ''}{name}")
    except (StudyConfigError, LakeError) as error:
        typer.echo(f"hmmr study run: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(str(page))


BY = typer.Option(help="How to cut the pool: tag, source, confidence (deciles), length, view.")
SOURCES = typer.Option(help="A YAML source list: it is written again, sorted by what each entry's tag is worth.")
NEXT = typer.Option(help="Where the sorted source list goes, for `hmmr harvest run`.")


@app.command()
def which(
    study: Annotated[str | None, STUDY] = None,
    preset: Annotated[str | None, PRESET] = None,
    by: Annotated[str, BY] = "tag",
    lake: Annotated[Path | None, LAKE] = None,
    labelled: Annotated[Path | None, LABELLED] = None,
    held_out: Annotated[Path | None, HELD_OUT] = None,
    out: Annotated[Path | None, OUT] = None,
    workers: Annotated[int, WORKERS] = 0,
    sources: Annotated[Path | None, SOURCES] = None,
    next_list: Annotated[Path | None, NEXT] = None,
) -> None:
    """Which part of the pool is worth most, and so what to harvest next.

    Trains on each part alone, on all but each, and, of up to six parts, on every combination (Shapley values). Judged
    on dev only, because it is a choice.
    """
    import os

    from evaluation.study_grid import StudyConfigError
    from evaluation.study_table import StudyRowsError
    from evaluation.study_text import ranking_text
    from flows.study_places import film_places, given_places
    from flows.study_run import config_of
    from flows.study_which import rank_parts
    from storage.errors import LakeError

    try:
        if (study is None) == (preset is None):
            raise StudyConfigError("give a YAML file or --preset, not both")
        name = preset or study or ""
        config = config_of(name)
        folder = out or Path("out") / config.name
        count = workers or os.cpu_count() or 1
        places = given_places(lake, labelled, held_out, folder) or film_places(folder, count)
        command = f"hmmr study which {'--preset ' if preset else ''}{name} --by {by}"
        found = rank_parts(config, places, by, count, command)
        if sources is not None:
            _write_next(sources, next_list or folder / "next_sources.yaml", found)
    except (StudyConfigError, StudyRowsError, LakeError) as error:
        typer.echo(f"hmmr study which: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(ranking_text(found))


def _write_next(sources: Path, out: Path, found: "list[Worth]") -> None:
    import yaml

    from evaluation.study_next import next_sources
    from storage.atomic import write_atomically

    listed = next_sources(yaml.safe_load(sources.read_text()), found)
    write_atomically(out, yaml.safe_dump(listed, sort_keys=False, allow_unicode=True).encode())
    typer.echo(f"{out}: take it with hmmr harvest run {out}", err=True)
