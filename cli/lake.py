"""`hmmr lake`: look into a lake, prove its books, freeze and export selections, take a source out."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import JsonOption, LakeOption, UserError, counted, opened, plain
from cli.lake_snapshot import app as snapshot_app

if TYPE_CHECKING:
    from storage.lake import Lake
    from storage.ledger.ledger import Ledger

app = typer.Typer(
    add_completion=False, help="Look into the lake, freeze snapshots, erase a source.", no_args_is_help=True
)
app.add_typer(snapshot_app, name="snapshot")

SHOWN = 20
"""Sources that are listed one by one before the question."""


@app.command()
def stats(lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Hours, tracklets, people; by host, licence, label version; the funnel; cost for 1000 tracklets; link rot."""
    from dataclasses import asdict

    from cli.lake_tables import print_stats
    from storage.stats import stats as count

    with opened(lake) as (rows, ledger):
        summary = count(rows, ledger)
        if as_json:
            typer.echo(json.dumps(asdict(summary)))
        elif not any(summary.files.values()) and not (summary.books and summary.books.asked):
            typer.echo(f"{rows.root} is empty: `hmmr harvest run SOURCE --lake {rows.root}` fills it")
        else:
            print_stats(rows.root, summary)


@app.command()
def labels(lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """The label versions: what each was made by, and how much it holds. A study compares them (`--labels`)."""
    from dataclasses import asdict

    from cli.lake_tables import print_labels
    from storage.labels.counts import count_labels

    with opened(lake) as (rows, _):
        counted = count_labels(rows)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in counted], default=str))
    else:
        print_labels(counted)


@app.command()
def why(
    name: Annotated[
        str,
        typer.Argument(help="A tracklet_id, or its first 8 or more digits; a video's id, URL or file name."),
    ],
    lake: LakeOption = None,
) -> None:
    """Where a label came from: source, evidence, shot, weights, filters with values, code version (JSON).

    Of a video its tracklets are listed, with their ids: one of them is what to ask about next.
    """
    from storage.why import tracklets_of
    from storage.why import why as explain

    with opened(lake) as (rows, ledger):
        listed = tracklets_of(rows, name)
        if listed is None:
            typer.echo(plain(json.dumps(explain(rows, name, ledger), indent=1, default=str, ensure_ascii=False)))
            return
    for source in sorted({row.source_id for row in listed}):
        mine = [row for row in listed if row.source_id == source]
        typer.echo(plain(f"{source}: {counted(len(mine), 'tracklet')}"))
        for row in mine:
            typer.echo(plain(str(row)))
    if not listed:
        typer.echo("no tracklets: nothing of it was kept; `hmmr lake stats` counts why")


@app.command()
def reconcile(
    lake: LakeOption = None,
    check_only: Annotated[bool, typer.Option("--check", help="Look only, repair nothing.")] = False,
    force: Annotated[bool, typer.Option(help="No worker is alive: settle their open commits at once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove that the books balance, in the ledger and between ledger and lake; repair what is safe.

    Exit code 1 if something is wrong that it may not repair.
    """
    from dataclasses import asdict

    from storage.reconcile import reconcile as check

    with opened(lake) as (rows, ledger):
        findings = check(rows, ledger, repair=not check_only, force=force)
        books = ledger.books()
    if as_json:
        typer.echo(json.dumps({**asdict(findings), "books": books.as_dict()}))
    else:
        for kind, lines in asdict(findings).items():
            for line in lines:
                typer.echo(f"{kind}: {line}")
        sums = " + ".join(f"{name} {count}" for name, count in books.as_dict().items() if name != "asked")
        typer.echo(f"asked {books.asked} = {sums}")
    if findings.problems:
        raise typer.Exit(1)


@app.command()
def erase(
    sources: Annotated[list[str] | None, typer.Argument(help="Source ids, URLs, or your files.")] = None,
    uploader: Annotated[str | None, typer.Option(help="Everything of this uploader, now and ever after.")] = None,
    host: Annotated[str | None, typer.Option(help="Everything of this host, now and ever after.")] = None,
    why: Annotated[str, typer.Option(help="A reason for the receipt; do not name the source in it.")] = "",
    likeness: Annotated[
        bool, typer.Option("--likeness", help="Remember its pictures by keyed hashes: re-encoded copies stay out too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a source out of every table, file, list and cache, for good, and write a receipt beside the lake.

    A file that is there is known by its content, another word by its id, URL or the name it was harvested under; one
    that several sources have is refused, with their ids. The same content under other addresses goes too. What is
    erased is not harvested again, under whatever address. Models that were
    trained on it are listed: they have to be trained anew.
    """
    from dataclasses import asdict

    from storage.erase.choice import chosen
    from storage.erase.names import Target, find
    from storage.erase.run import erase as run

    if not sources and uploader is None and host is None:
        raise typer.BadParameter("name a source, --uploader or --host")
    with opened(lake) as (rows, ledger):
        target = Target(chosen(rows, ledger, sources or ()), uploader, host)
        matches = find(rows, ledger, target)
        agree(rows, ledger, matches.sources, yes=yes)
        receipt = run(rows, ledger, target, why=why, likeness=likeness)
    if as_json:
        typer.echo(json.dumps(asdict(receipt)))
        return
    typer.echo(f"erased: {_listed(receipt.rows)}; {receipt.mentions} rows of runs and scores rewritten")
    for before, after in receipt.snapshots:
        typer.echo(f"snapshot {before[:12]} is now {after[:12]}")
    for checkpoint in receipt.checkpoints:
        typer.echo(f"trained on it: {checkpoint}")
    for name in receipt.rounds:
        typer.echo(f"a teacher of this label round had seen it: {name[:12]}")
    for path in receipt.still_holding:
        typer.echo(f"still names it, look yourself: {path}", err=True)
    typer.echo(f"receipt: {receipt.path}")
    if receipt.still_holding:
        raise typer.Exit(1)


@app.command()
def search(names: Annotated[list[str], typer.Argument(help="Ids, URLs, any text.")], lake: LakeOption = None) -> None:
    """Decode every file below a local lake and look for names: exit code 1 if one is found. Slow, on purpose."""
    from pathlib import Path

    from storage.erase.search import search as look

    if not all(names):
        raise typer.BadParameter("an empty name is in every file")
    with opened(lake) as (rows, _):
        hits = look(Path(rows.root), names)
    for hit in hits:
        typer.echo(hit)
    if hits:
        raise typer.Exit(1)


@app.command()
def compact(lake: LakeOption = None) -> None:
    """Join small files, sorted by source. Readers and writers may go on; old files are swept an hour later."""
    from storage.rewrite import compact as join
    from storage.rewrite import sweep
    from storage.schema import TABLES

    with opened(lake) as (rows, _):
        for name in TABLES:
            done, swept = join(rows, name), sweep(rows, name)
            if done.files or swept:
                typer.echo(f"{name}: {done.files} files joined, {swept} old ones removed")


@app.command()
def upgrade(lake: LakeOption = None) -> None:
    """Bring a lake that an older version wrote to this version's schema."""
    from storage.upgrade import upgrade as run

    with opened(lake) as (rows, _):
        changed = run(rows)
    for name, (before, after) in changed.items():
        typer.echo(f"{name}: schema {before} -> {after}")
    typer.echo("up to date")


@app.command()
def schema() -> None:
    """Print the meaning of every column (Markdown): this is docs/schema.md."""
    from storage.schema import schema_markdown

    typer.echo(schema_markdown(), nl=False)


@app.command()
def probe(
    lake: LakeOption = None,
    limit: Annotated[int, typer.Option(help="At most so many sources, those first that were asked longest ago.")] = 100,
    allow_private: Annotated[bool, typer.Option(help="Ask private hosts too (your own servers).")] = False,
) -> None:
    """Ask whether harvested sources are still there; `hmmr lake stats` then shows how fast links rot."""
    from harvest.fetch.link_probe import ask, due
    from storage.survival import probe as run

    with opened(lake) as (rows, _):
        sources = due(rows, limit)
        done = run(rows, sources, lambda url: ask(url, allow_private=allow_private))
    typer.echo(f"{done} sources asked")


def _listed(counts: dict[str, Any]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "no rows"


def agree(rows: "Lake", ledger: "Ledger", doomed: Sequence[str], *, yes: bool) -> None:
    """Go on only with --yes or a person's word. Exit code 2 where there is neither: a pipe cannot be asked."""
    from storage.erase.choice import named

    if yes:
        return
    sources = counted(len(doomed), "source")
    if not sys.stdin.isatty():
        raise UserError(f"this erases {sources} for good; say --yes")
    for source in named(rows, ledger, doomed[:SHOWN]):
        typer.echo(plain(str(source)), err=True)
    if len(doomed) > SHOWN:
        typer.echo(f"and {len(doomed) - SHOWN} more", err=True)
    typer.confirm(f"Erase {sources} from {rows.root} for good?", abort=True, err=True)
