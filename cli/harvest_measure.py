"""`hmmr harvest measure`: what the labels are worth, against films whose truth is known."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import as_user_error, only_local, resumable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evaluation.label_quality.table import Table
    from flows.label_quality.bench import MeasureConfig

OUT = typer.Option(
    "--out", callback=only_local,
    help="Folder for films, networks' answers, labels and a lake with the tables; kept.",
)  # fmt: skip
FILMS = typer.Option(min=1, help="Films of each kind; eight make 68 films, and 20 made from them.")
SEED = typer.Option(help="Another seed, other films.")
REAL = typer.Option(help="Folder with pose_squats.mp4 and the pose2sim clips and their references.", exists=True)
PART = typer.Option("--part", help="Measure this part only, once or more: errors, tracking, shots, filters, scores, "
                    "smoothing, sides, real, noise, conditions.")  # fmt: skip
PAGE = typer.Option(
    "--page", help="Also write the newest tables of all parts into this Markdown page, below its marker line."
)
BEFORE = typer.Option(help="A checkout of an earlier commit: its labels of the same films get columns of their own.",
                      exists=True, file_okay=False)  # fmt: skip
BACKEND = typer.Option(help="2D networks, as for `hmmr harvest run`.")


def measure(
    out: Annotated[Path, OUT] = Path("out/labels"),
    films: Annotated[int, FILMS] = 8,
    seed: Annotated[int, SEED] = 0,
    real: Annotated[Path | None, REAL] = None,
    part: Annotated[list[str] | None, PART] = None,
    page: Annotated[Path | None, PAGE] = None,
    backend: Annotated[str, BACKEND] = "embedded",
    before: Annotated[Path | None, BEFORE] = None,
) -> None:
    """Measure label quality on synthetic films with known truth: errors, tracking, shots, filters, scores, smoothing,
    left and right; and on two real clips. Prints tables in Markdown and keeps each part in OUT/lake when it is done.

    Some fifteen minutes of one core the first time. It may be stopped and run again; after a change of a threshold the
    networks are asked only what they were not asked before.

    hmmr harvest measure --out out/labels

    hmmr dashboard --lake out/labels/lake --about labels --export out/labels/labels.html
    """
    import shlex
    import sys
    import time

    from evaluation.label_quality.table import markdown
    from flows.label_quality.bench import MeasureConfig
    from flows.label_quality.kept import keep, newest, write_page
    from flows.label_quality.measure import PARTS
    from storage.lake import Lake

    wanted = tuple(part or (name for name in PARTS if real is not None or name != "real"))
    if real is None and "real" in wanted:
        raise typer.BadParameter("part real needs --real, the folder of the real clips", param_hint="--part")
    if unknown := set(wanted) - set(PARTS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(PARTS)}", param_hint="--part")
    config = MeasureConfig(films=films, seed=seed, backend=backend, real=real, before=before)
    began, command, lake = time.time(), shlex.join(["hmmr", *sys.argv[1:]]), Lake(out / "lake")
    for name, tables in _measured(config, out, wanted):
        typer.echo("\n".join(markdown(table) for table in tables))
        keep(name, tables, lake, config, command, began)
        began = time.time()
    if page is not None:
        write_page(newest(lake), page)


def _measured(config: "MeasureConfig", out: Path, parts: tuple[str, ...]) -> "Iterator[tuple[str, list[Table]]]":
    from flows.label_quality.measure import measure as measured
    from flows.progress import counting_bar

    with (
        resumable(f"what was measured is in {out}, run the same command to go on"),
        counting_bar("measuring") as progress,
        as_user_error(ValueError, ImportError),
    ):

        def advance(what: str, done: int, total: int) -> None:
            progress(done, total, what)

        yield from measured(config, out, advance, parts)
