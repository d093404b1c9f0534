"""`hmmr harvest`: turn videos into pseudo-labelled tracklets, look at the books, try again what failed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.harvest_measure import measure
from cli.harvest_options import HarvestOptions, JsonOption, LakeOption, with_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harvest.report import HarvestReport
    from harvest.sources.expand import Source
    from storage.lake import Lake

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

    from cli.harvest_status import as_json as told
    from cli.harvest_status import lines, status_of
    from storage.lake import Lake
    from storage.layout import lake_root

    status = status_of(_existing(Lake, lake_root(lake)).root)
    typer.echo(json.dumps(told(status), sort_keys=True) if as_json else "\n".join(lines(status)))


@app.command()
@with_options
def retry(options: HarvestOptions, reason: Annotated[str | None, CLASS] = None) -> None:
    """Try failed items again, all or those of one class, without naming their sources again.

    What their source list said of them (licence, tags, sections, limits) is in the ledger; how they are labelled, and
    how politely they are fetched, is said here, as for `run`. A host that has shut us out is not asked before its
    time: its items stay pending.

    hmmr harvest retry --lake lake --class rate_limited
    """
    from cli.harvest_status import failure_classes
    from harvest.sources.ledger_items import failed_sources
    from storage.lake import Lake
    from storage.layout import lake_root

    if reason is not None and reason not in failure_classes():
        raise typer.BadParameter(
            f"nothing fails as {reason}; the classes are {', '.join(failure_classes())}", param_hint="--class"
        )
    root = _existing(Lake, lake_root(options.lake)).root
    sources = failed_sources(root, reason)
    if not sources:
        typer.echo(f"nothing failed{f' as {reason}' if reason else ''} in {root}", err=True)
    _harvest(sources, root, options)


def _existing(kind: "type[Lake]", root: str) -> "Lake":
    from storage.errors import NoSuchLake

    try:
        return kind(root, create=False)
    except NoSuchLake as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


def _harvest(sources: "Sequence[str | Path | Source]", lake: str | None, options: HarvestOptions) -> None:
    """Run and tell: exit code 1 if anything failed, or if nothing could be begun; 130 after Ctrl-C."""
    from flows.progress import HarvestProgress
    from harvest.run import harvest
    from harvest.weights.packages import WeightsError
    from storage.errors import LakeError
    from storage.lake import Lake
    from storage.layout import lake_root

    config = options.config()
    try:
        with HarvestProgress() as bars:
            report = harvest(sources, Lake(lake_root(lake)), config, bars)
    except (WeightsError, LakeError, ValueError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("stopped; what was finished is in the lake, run the same command to go on", err=True)
        raise typer.Exit(130) from None
    _tell(report, options.as_json)


def _tell(report: "HarvestReport", as_json: bool) -> None:
    """Troubles and books on stderr, the JSON line on stdout; exit code 1 if anything failed."""
    import json

    for trouble in report.troubles:
        typer.echo(f"{trouble.state} ({trouble.reason}): {trouble.name}: {trouble.message}", err=True)
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
