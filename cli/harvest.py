"""`hmmr harvest`: turn videos into pseudo-labelled tracklets, look at the books, try again what failed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import JsonOption, LakeOption, as_user_error, plain, resumable
from cli.harvest_measure import measure
from cli.harvest_options import HarvestOptions, with_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harvest.report import HarvestReport
    from harvest.sources.expand import Source

app = typer.Typer(add_completion=False, help="Turn videos into pseudo-labelled tracklets.", no_args_is_help=True)
app.command()(measure)

SOURCES = typer.Argument(
    help="URLs, s3:// prefixes, ytsearch50:WORDS, video files, folders, or text, YAML or JSON lists of those. The same "
    "source twice is one item.",
    metavar="SOURCE...",
)
CLASS = typer.Option("--class", help="Only items that failed so, e.g. rate_limited; `hmmr harvest status` has them.")


@app.command()
@with_options
def run(sources: Annotated[list[str], SOURCES], options: HarvestOptions) -> None:
    """Harvest videos into a lake: download, find and follow people, keep their 2D tracklets and image features.

    A lake that is not there is made. It may be stopped at any time and run again: what is in the lake stays, the rest
    is done. It ends with an error code only if something failed (a rejection by policy or filters is an answer, not a
    failure).

    hmmr harvest run clips/ --lake lake

    hmmr harvest run https://commons.wikimedia.org/wiki/File:... --licence open
    """
    _harvest(sources, options.lake, options)


@app.command()
def status(
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The books of a lake: how many items are in which state, which ended badly and why, and when the next is due."""
    import json

    from harvest import status as books
    from storage.lake import Lake
    from storage.layout import lake_root

    status = books.status_of(Lake(lake_root(lake), create=False).root)
    if as_json:
        typer.echo(json.dumps(books.as_json(status), sort_keys=True))
    else:
        typer.echo(plain("\n".join(books.lines(status))))


@app.command()
@with_options
def retry(options: HarvestOptions, reason: Annotated[str | None, CLASS] = None) -> None:
    """Try failed items again, all or those of one class, without naming their sources again.

    What their source list said of them (licence, tags, sections, limits) is in the ledger; how they are labelled, and
    how politely they are fetched, is said here, as for `run`. A host that has shut us out is not asked before its
    time: its items stay pending.

    hmmr harvest retry --lake lake --class rate_limited
    """
    from harvest.sources.ledger_items import failed_sources
    from harvest.status import failure_classes
    from storage.lake import Lake
    from storage.layout import lake_root

    if reason is not None and reason not in failure_classes():
        raise typer.BadParameter(
            f"nothing fails as {reason}; the classes are {', '.join(failure_classes())}", param_hint="--class"
        )
    root = Lake(lake_root(options.lake), create=False).root
    sources = failed_sources(root, reason)
    if not sources:
        typer.echo(f"nothing failed{f' as {reason}' if reason else ''} in {root}", err=True)
    _harvest(sources, root, options)


def _harvest(sources: "Sequence[str | Path | Source]", lake: str | None, options: HarvestOptions) -> None:
    """Run and tell: exit code 1 if anything failed; 130 after Ctrl-C."""
    from flows.progress import HarvestProgress
    from harvest.run import harvest
    from storage.lake import Lake
    from storage.layout import lake_root

    config = options.config()
    with (
        resumable("what was finished is in the lake, run the same command to go on"),
        HarvestProgress() as bars,
        as_user_error(ValueError, ImportError),
    ):
        report = harvest(sources, Lake(lake_root(lake)), config, bars)
    _tell(report, options.as_json)


def _tell(report: "HarvestReport", as_json: bool) -> None:
    """Troubles and books on stderr, the JSON line on stdout; exit code 1 if anything failed."""
    import json

    for trouble in report.troubles:
        typer.echo(plain(f"{trouble.state} ({trouble.reason}): {trouble.name}: {trouble.message}"), err=True)
    books = report.books
    typer.echo(
        f"{books.asked} asked: {books.done} done, {books.rejected} rejected, {books.failed} failed, "
        f"{books.pending} pending, {books.erased} erased; "
        f"{report.tracklets} tracklets, {report.frames} frames, {report.hours * 60:.1f} minutes",
        err=as_json,
    )
    if as_json:
        typer.echo(json.dumps(report.as_dict(), sort_keys=True))
    if books.failed:
        raise typer.Exit(1)
