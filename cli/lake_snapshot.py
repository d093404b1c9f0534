"""`hmmr lake snapshot`: freeze a selection, list them, export one as a dataset of its own, verify such a dataset."""

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import LakeOption, UserError, counted, opened, plain

if TYPE_CHECKING:
    from storage.lake import Lake

app = typer.Typer(add_completion=False, help="Frozen selections: freeze, list, export, verify.", no_args_is_help=True)

SHOWN = 20
"""Tags or licence classes that an error lists."""
CLASSES = "Only these licence classes: open, vouched (a user said so, whatever the date), closed, unknown."
FORMATS = ("dataset", "vibe", "humandata")


@app.command()
def freeze(
    lake: LakeOption = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only tracklets with one of these tags.")] = None,
    licence: Annotated[list[str] | None, typer.Option(help=CLASSES)] = None,
    min_score: Annotated[float, typer.Option(help="Least mean keypoint score.")] = 0.0,
    hours: Annotated[float | None, typer.Option(min=0, help="Only so many hours, by whole sources, nested.")] = None,
    seed: Annotated[int, typer.Option(help="Which nested order of the sources --hours takes.")] = 0,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Labels of this version instead of each source's newest: digest or label_key, 8 or more digits; "
            "`hmmr lake labels` lists them."
        ),
    ] = None,
) -> None:
    """Write the list of the tracklets that match, and print its digest. The same selection is the same digest.

    If none matches, nothing is written, exit code 2, and the tags and licence classes that there are are listed.
    """
    from storage.snapshot import nested, save, select, selection

    if not isfinite(min_score):
        raise typer.BadParameter("the least score is a number", param_hint="--min-score")
    with opened(lake) as (rows, _):
        chosen = select(rows, where=selection(tags=tag, licences=licence, min_score=min_score), labels=labels)
        matched = chosen.hours
        if hours is not None:
            chosen = nested(chosen, hours=hours, seed=seed)
        if not len(chosen):
            raise UserError(_nothing(rows, matched))
        save(rows, chosen)
    snapshot_size = (
        f"{counted(len(chosen), 'tracklet')}, {counted(len(chosen.sources), 'source')}, {chosen.hours:.3f} h"
    )
    typer.echo(f"{chosen.digest}  {snapshot_size}")


def _nothing(rows: "Lake", matched: float) -> str:
    """Why nothing is frozen, with the words that would have found something."""
    from storage.snapshot import choices

    if matched:
        return f"of {matched:.3f} h that match, --hours takes nothing: the first source is more than twice as long"
    tags, licences = choices(rows)
    if not licences:
        return f"{rows.root} has no tracklets: `hmmr harvest run` makes them"
    return f"no tracklet matches; there are the tags {_some(tags)}; the licence classes {_some(licences)}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "(none)") + more


@app.command(name="list")
def list_all(lake: LakeOption = None) -> None:
    """All snapshots of the lake. One that lost sources to an erasure is shown with what is left."""
    from storage.errors import SnapshotMissing
    from storage.snapshot import digests, load

    with opened(lake) as (rows, _):
        for digest in digests(rows):
            try:
                snapshot = load(rows, digest)
            except SnapshotMissing as error:
                typer.echo(plain(f"{digest}  {error}"))
                continue
            note = "" if snapshot.digest == digest else f"  (sources were erased: now {snapshot.digest[:12]})"
            typer.echo(f"{digest}  {counted(len(snapshot), 'tracklet'):>18}  {snapshot.hours:9.3f} h{note}")


@app.command()
def export(
    digest: Annotated[str, typer.Argument(help="Digest of the snapshot, or its first 8 or more digits.")],
    out: Annotated[Path, typer.Option("--out", help="New folder.")],
    format: Annotated[str, typer.Option(help="dataset (our own, complete), vibe, humandata (mmhuman3d).")] = "dataset",
    phi: Annotated[str | None, typer.Option(help="vibe: which features, where the lake has several kinds.")] = None,
    lake: LakeOption = None,
) -> None:
    """Write a snapshot for others: URLs, times and keypoints with manifest and datasheet; never pixels."""
    from body.joints import KEYPOINTS_25
    from storage.export.dataset import export_dataset
    from storage.export.humandata import export_humandata
    from storage.export.vibe import export_vibe
    from storage.snapshot import load

    if format not in FORMATS:
        raise typer.BadParameter(f"{format} is none of {', '.join(FORMATS)}", param_hint="--format")
    with opened(lake) as (rows, _):
        snapshot = load(rows, digest)
        if format == "vibe":
            written = export_vibe(rows, snapshot, out, phi_name=phi)
        elif format == "humandata":
            written = export_humandata(rows, snapshot, out)
        else:
            written = export_dataset(rows, snapshot, out, joints=KEYPOINTS_25)
    typer.echo(f"{written}")


@app.command()
def verify(folder: Annotated[Path, typer.Argument(help="A folder that `export` wrote, or a copy of it.")]) -> None:
    """Check an exported dataset against its own manifest: every file, every row. Needs nothing but the folder."""
    from storage.export.verify import verify_dataset

    problems = verify_dataset(folder)
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo(f"{folder}: as it was exported")


@app.command(name="import-instavariety")
def import_tracks(
    folder: Annotated[Path, typer.Argument(help="The authors' InstaVariety_tracks: TAG/VIDEO/TRACK/*.json.")],
    lake: LakeOption = None,
) -> None:
    """Bring the released tracks of HMMR's InstaVariety (OpenPose keypoints) into the lake as tracklets."""
    from storage.export.import_instavariety import import_instavariety

    with opened(lake) as (rows, ledger):
        count = import_instavariety(rows, folder, ledger)
    typer.echo(counted(count, "tracklet"))
