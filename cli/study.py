"""`hmmr study`: accuracy against added video."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import JsonOption, UserError, absent, as_user_error, only_local

if TYPE_CHECKING:
    from evaluation.study.config import StudyConfig
    from evaluation.study.parts import Worth
    from flows.study.places import Places

app = typer.Typer(
    add_completion=False, help="Accuracy against added video: run a grid, fit the law.", no_args_is_help=True
)

ROWS = typer.Argument(help="CSV with the columns hours, seed, sequence, error; one row a model and test sequence.")
TARGET = typer.Option("--target", help="Error to reach, in the unit of the rows; may be given more than once.")
COST = typer.Option(help="Cost of one hour of video, in any currency: gives the cost per mm.")


@app.callback()
def _study() -> None:
    """The claim under test: more pseudo-labelled video helps, monotonically. It holds, fails, or is undecided."""


@app.command()
def fit(
    rows: Annotated[Path, ROWS],
    target: Annotated[list[float] | None, TARGET] = None,
    cost_per_hour: Annotated[float | None, COST] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit laws to anyone's numbers, and say whether more hours helped.

    Rows of a column `variant` other than `semi` are set apart; those of `ceiling` give the share of the gap that was
    closed. Without the column all rows are the study. Errors may be in any unit; words say mm.
    """
    from evaluation.study.report import ReportOptions, report
    from evaluation.study.table import read_csv
    from evaluation.study.text import text

    with as_user_error(UnicodeDecodeError):
        tables = read_csv(rows)
    fitted = report(tables, ReportOptions(targets=tuple(target or ()), cost_per_hour=cost_per_hour))
    typer.echo(json.dumps(fitted) if as_json else text(fitted))


SCORES = typer.Argument(help="A lake with scores of studies, or its score rows as Parquet (docs/results/open_world).")
METRIC = typer.Option(help="Error that decides.")


@app.command()
def decide(
    scores: Annotated[Path, SCORES], metric: Annotated[str, METRIC] = "pa_mpjpe_mm", as_json: JsonOption = False
) -> None:
    """How often a small study picks the same winner as the largest, and how many trainings a question takes.

    Every pair of series and φ with the same budget, seeds and test sequences is a question.
    """
    from dataclasses import asdict

    from evaluation.study.decisions import decisions_text, questions, small_studies
    from evaluation.study.lake import exported_tables, study_tables, training_minutes
    from storage.lake import Lake

    if scores.is_dir():
        lake = Lake(scores, create=False)
        tables, minutes = study_tables(lake), training_minutes(lake)
    else:
        tables, minutes = exported_tables(scores), {}
    asked = questions({setting: series_tables for setting, series_tables in tables.items() if setting.metric == metric})
    if not asked:
        raise UserError(f"{scores}: no two series or φ with the same budget, seeds and sequences in {metric}")
    if as_json:
        by_size = [asdict(question) for question in small_studies(asked)]
        typer.echo(
            json.dumps({"questions": [asdict(question) for question in asked], "by_size": by_size, "minutes": minutes})
        )
    else:
        typer.echo(decisions_text(asked, minutes))


STUDY = typer.Argument(help="A YAML file (evaluation/study/config.py shows its keys); or give --preset.")
PRESET = typer.Option(help="open-quick (ten minutes on two cores) or open-world.")
LAKE = typer.Option("--lake", help="The harvested pool. Without it films are made and harvested below --out.")
LABELLED = typer.Option("--labelled", help="Lake with the labelled set's 3D.")
HELD_OUT = typer.Option(
    "--held-out",
    help="Lake to score on: LAKE, NAME=LAKE or NAME:PROTOCOL=LAKE, such as mocap=m; may be given more than once. One "
    "of them must have the split dev.",
)
OUT = typer.Option("--out", callback=only_local, help="Folder for models, films and the page; else out/NAME.")
PERFECT = typer.Option(
    "--perfect",
    help="The pool's films harvested by their truth, for the row with perfect 2D. Without it that row takes the true "
    "2D beside the pool's own tracklets.",
)
PRIOR = typer.Option("--prior-poses", help="File of poses for the pose prior; else those of the labelled films.")
LABELS = typer.Option(
    "--labels",
    help="Label version of the pool, by its digest or 8 or more digits of it (`hmmr lake labels`), or all; once or "
    "more. The first is the main curve, each other one a curve on the same videos, held against the first.",
)
WORKERS = typer.Option(help="Cells side by side, one thread each; 0 takes one a core.", min=0)
SCORE_TEST = typer.Option(
    "--score-test",
    help="Also score test, mocap and every other split that is not dev. Only for code and a study file that are "
    "committed as they are; trains nothing that was trained before.",
)


@app.command()
def run(
    study: Annotated[str | None, STUDY] = None,
    preset: Annotated[str | None, PRESET] = None,
    lake: Annotated[str | None, LAKE] = None,
    labelled: Annotated[str | None, LABELLED] = None,
    held_out: Annotated[list[str] | None, HELD_OUT] = None,
    out: Annotated[Path | None, OUT] = None,
    perfect: Annotated[Path | None, PERFECT] = None,
    prior_poses: Annotated[Path | None, PRIOR] = None,
    labels: Annotated[list[str] | None, LABELS] = None,
    workers: Annotated[int, WORKERS] = 0,
    score_test: Annotated[bool, SCORE_TEST] = False,
) -> None:
    """Train and score every cell of a grid on dev, fit the laws, write the page.

    A cell whose scores are in the lake is not run again: kill it whenever you like, and the same command goes on.
    """
    from flows.study.begin import refuse_unless_frozen, unscored
    from flows.study.run import study_on

    asked = _asked(study, preset, out, workers, labels)
    if score_test:
        refuse_unless_frozen(Path(asked.name) if study else None)
    places = _places(asked, lake, labelled, held_out, perfect, prior_poses)
    config = asked.config
    if perfect and not config.perfect_2d:
        raise UserError("--perfect: the study has no row for it; write `perfect_2d: [1]` into it")
    for weak in [*config.weak_spots, *unscored(places.scored_on(score_test=score_test), config.phi)]:
        typer.echo(f"note: {weak}", err=True)
    typer.echo(str(study_on(config, places, asked.workers, _command("run"), score_test=score_test)))


BY = typer.Option(help="How to cut the pool: tag, source, confidence (deciles), length, view.")
SOURCES = typer.Option(help="A YAML source list: it is written again, sorted by what each entry's tag is worth.")
NEXT = typer.Option(help="Where the sorted source list goes, for `hmmr harvest run`.")


@app.command()
def which(
    study: Annotated[str | None, STUDY] = None,
    preset: Annotated[str | None, PRESET] = None,
    by: Annotated[str, BY] = "tag",
    lake: Annotated[str | None, LAKE] = None,
    labelled: Annotated[str | None, LABELLED] = None,
    held_out: Annotated[list[str] | None, HELD_OUT] = None,
    out: Annotated[Path | None, OUT] = None,
    prior_poses: Annotated[Path | None, PRIOR] = None,
    workers: Annotated[int, WORKERS] = 0,
    sources: Annotated[Path | None, SOURCES] = None,
    next_list: Annotated[Path | None, NEXT] = None,
) -> None:
    """Which part of the pool is worth most, and so what to harvest next.

    Trains on each part alone, on all but each, and, of up to six parts, on every combination (Shapley values). Judged
    on dev only, because it is a choice.
    """
    from evaluation.study.text import ranking_text
    from flows.study.which import rank_parts

    asked = _asked(study, preset, out, workers)
    places = _places(asked, lake, labelled, held_out, None, prior_poses)
    ranking = rank_parts(asked.config, places, by, asked.workers, _command("which"))
    if sources is not None:
        _write_next(sources, next_list or asked.out / "next_sources.yaml", ranking)
    typer.echo(ranking_text(ranking))


@dataclass(frozen=True)
class _Asked:
    """What both commands make of their common options."""

    name: str
    config: "StudyConfig"
    out: Path
    workers: int


def _asked(
    study: str | None, preset: str | None, out: Path | None, workers: int, labels: list[str] | None = None
) -> _Asked:
    import os
    from dataclasses import replace

    from evaluation.study.config import read_study
    from evaluation.study.presets import preset as preset_named

    if (study is None) == (preset is None):
        raise UserError("give one of the two, a YAML file or --preset")
    if study and not Path(study).is_file():
        raise absent(Path(study), "; docs/study.md shows what is in one, or give --preset")
    config = preset_named(preset) if preset else read_study(Path(study or ""))
    config = replace(config, labels=tuple(labels)) if labels else config
    return _Asked(preset or study or "", config, out or Path("out") / config.name, workers or os.cpu_count() or 1)


def _places(
    asked: _Asked, lake: str | None, labelled: str | None, held_out: list[str] | None, perfect: Path | None,
    prior_poses: Path | None,
) -> "Places":  # fmt: skip
    """The user's lakes, else films made below --out: those of the preset open-world, or the quickstart's."""
    from flows.study.places import film_places, given_places, place

    given = given_places(place(lake), place(labelled), held_out or [], asked.out, perfect, prior_poses)
    if given is not None:
        return given
    if asked.name in ("open-world", "open-world-2d"):
        from flows.study.places import open_world_places

        return open_world_places(asked.out, asked.workers)
    return film_places(asked.out, asked.workers)


def _command(name: str) -> str:
    """What was typed, to be typed again."""
    import shlex
    import sys

    typed = sys.argv[1:]
    return shlex.join(["hmmr", *typed]) if typed[:2] == ["study", name] else f"hmmr study {name}"


def _write_next(sources: Path, out: Path, found: "list[Worth]") -> None:
    import yaml

    from evaluation.study.parts import next_sources
    from storage.atomic import write_atomically

    listed = next_sources(yaml.safe_load(sources.read_text()), found)
    write_atomically(out, yaml.safe_dump(listed, sort_keys=False, allow_unicode=True).encode())
    typer.echo(f"{out}: take it with hmmr harvest run {out}", err=True)
