"""`hmmr harvest`: turn videos into pseudo-labelled tracklets, look at the books, try again what failed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harvest.config import HarvestConfig, LabelConfig
    from harvest.download import DownloadConfig
    from harvest.pace import PaceConfig
    from harvest.policy import Policy
    from harvest.report import HarvestReport
    from harvest.sources import Source
    from storage.lake import Lake

app = typer.Typer(add_completion=False, help="Turn videos into pseudo-labelled tracklets.", no_args_is_help=True)

SOURCES = typer.Argument(
    help="URLs, s3:// prefixes, ytsearch50:WORDS, video files, folders, or text, YAML or JSON lists of those. The same "
    "source twice is one item.",
    metavar="SOURCE...",
)
LAKE = typer.Option(envvar="HMMR_LAKE", help="Folder (or s3:// URL) of the lake; made if it is not there.")
LICENCE = typer.Option(
    help="open: you vouch that every source of this call may be used. Without it, URLs whose licence is not stated "
    "are rejected; files on your disk are vouched for by being named."
)
PRIVATE = typer.Option("--allow-private", help="Hosts that you name yourself may be loopback or private addresses.")
JSON = typer.Option("--json", help="Print one JSON object as the last line of stdout.")
WORKERS = typer.Option(min=1, help="Videos at the same time, each in a process of its own.")
BACKEND = typer.Option(
    help="2D networks: embedded; truth (films of the open world only); rtm:SET or rtm:FILE.yaml; mmlab:FILE.yaml "
    "(docs/backends.md)."
)
LIMIT = typer.Option(
    min=1, help="Work on so many videos at most, shared out by the `weight` of each source; the rest stays pending."
)
APART = typer.Option(
    help="A lake (a test set, a labelled set) of which nothing may come in, however it was re-encoded; once or more."
)
CONTACT = typer.Option(help="Page or address to be reached at: it goes into the user agent of every request.")
INTERVAL = typer.Option(min=0.0, help="Least seconds between two items of one host, over all workers and machines.")
PER_DAY = typer.Option(min=1, help="Most items a day of one host.")
DEVICE = typer.Option(help="Where the networks run: cpu, cuda, cuda:1, mps.")
TRUTH = typer.Option("--truth-films", help="Folder of the films, for --backend truth.", file_okay=False, exists=True)
PRESET = typer.Option(help="Track filters: default, or hmmr_2019 (the paper's, to the letter).")
DETECT_EVERY = typer.Option(min=1, help="People are detected in every n-th frame and followed in between.")
OPT_OUT = typer.Option(help="File of addresses, hosts and uploaders that are never fetched.", exists=True)
FPS = typer.Option(min=1, help="Working rate; faster video is thinned out, slower keeps its own.")
PHI = typer.Option(
    help="Image features, once or more: blazepose_penultimate, keypoints, movenet_pyramid, resnet50_v1:CHECKPOINT, "
    "resnet50_v2:CHECKPOINT, vit:MODEL:CHECKPOINT."
)


@app.command()
def run(
    sources: Annotated[list[str], SOURCES],
    lake: Annotated[str | None, LAKE] = None,
    licence: Annotated[str | None, LICENCE] = None,
    allow_private: Annotated[bool, PRIVATE] = False,
    as_json: Annotated[bool, JSON] = False,
    workers: Annotated[int, WORKERS] = 2,
    backend: Annotated[str, BACKEND] = "embedded",
    truth_films: Annotated[Path | None, TRUTH] = None,
    preset: Annotated[str, PRESET] = "default",
    detect_every: Annotated[int, DETECT_EVERY] = 4,
    opt_out: Annotated[Path | None, OPT_OUT] = None,
    max_fps: Annotated[int, FPS] = 25,
    phi: Annotated[list[str] | None, PHI] = None,
    device: Annotated[str, DEVICE] = "cpu",
    limit: Annotated[int | None, LIMIT] = None,
    apart_from: Annotated[list[str] | None, APART] = None,
    contact: Annotated[str, CONTACT] = "",
    interval_s: Annotated[float, INTERVAL] = 1.0,
    per_day: Annotated[int, PER_DAY] = 2000,
) -> None:
    """Harvest videos into a lake: download, find and follow people, keep their 2D tracklets and image features.

    It may be stopped at any time and run again: what is in the lake stays, the rest is done. It ends with an error
    code only if something failed (a rejection by policy or filters is an answer, not a failure).

    hmmr harvest run clips/ --lake lake

    hmmr harvest run https://commons.wikimedia.org/wiki/File:... --licence open
    """
    config = _config(
        _policy(licence, allow_private, opt_out), _label(preset, detect_every, max_fps), phi,
        backend=backend, truth_films=truth_films, workers=workers, device=device, limit=limit,
        apart_from=tuple(apart_from or ()), download=_download(contact), pace=_pace(interval_s, per_day),
    )  # fmt: skip
    _tell(_harvest(sources, lake, config), as_json)


@app.command()
def status(
    lake: Annotated[str | None, LAKE] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """The books of a lake: how many items are in which state, why not, and when the next is due."""
    import json
    from datetime import UTC, datetime

    from storage.lake import Lake
    from storage.layout import lake_root
    from storage.ledger import Ledger

    ledger = Ledger.open(_existing(Lake, lake_root(lake)).root)
    books, reasons, due = ledger.books(), ledger.reasons(), ledger.next_due()
    ledger.close()
    if as_json:
        typer.echo(json.dumps({**books.as_dict(), "reasons": reasons, "next_due": due}, sort_keys=True))
        return
    for state, count in books.as_dict().items():
        typer.echo(f"{state:>9} {count}")
    for reason, count in sorted(reasons.items(), key=lambda pair: -pair[1]):
        typer.echo(f"          {count} {reason}")
    if due is not None:
        typer.echo(f"next try   {datetime.fromtimestamp(due, UTC):%Y-%m-%d %H:%M} UTC")


@app.command()
def retry(
    lake: Annotated[str | None, LAKE] = None,
    reason: Annotated[str | None, typer.Option("--class", help="Only items that failed so, e.g. rate_limited.")] = None,
    licence: Annotated[str | None, LICENCE] = None,
    allow_private: Annotated[bool, PRIVATE] = False,
    as_json: Annotated[bool, JSON] = False,
    workers: Annotated[int, WORKERS] = 2,
    backend: Annotated[str, BACKEND] = "embedded",
    truth_films: Annotated[Path | None, TRUTH] = None,
    preset: Annotated[str, PRESET] = "default",
    detect_every: Annotated[int, DETECT_EVERY] = 4,
    opt_out: Annotated[Path | None, OPT_OUT] = None,
    max_fps: Annotated[int, FPS] = 25,
    phi: Annotated[list[str] | None, PHI] = None,
    device: Annotated[str, DEVICE] = "cpu",
    limit: Annotated[int | None, LIMIT] = None,
    apart_from: Annotated[list[str] | None, APART] = None,
    contact: Annotated[str, CONTACT] = "",
    interval_s: Annotated[float, INTERVAL] = 1.0,
    per_day: Annotated[int, PER_DAY] = 2000,
) -> None:
    """Try failed items again, all or those of one class, without naming their sources again.

    What their source list said of them (licence, tags, sections, limits) is in the ledger; how they are labelled is
    said here, as for `run`. A host that has shut us out is not asked before its time: its items stay pending.

    hmmr harvest retry --lake lake --class rate_limited
    """
    from harvest.ledger_items import failed_sources
    from storage.lake import Lake
    from storage.layout import lake_root

    root = _existing(Lake, lake_root(lake)).root
    sources = failed_sources(root, reason)
    if not sources:
        typer.echo(f"nothing failed{f' as {reason}' if reason else ''} in {root}", err=True)
    config = _config(
        _policy(licence, allow_private, opt_out), _label(preset, detect_every, max_fps), phi,
        backend=backend, truth_films=truth_films, workers=workers, device=device, limit=limit,
        apart_from=tuple(apart_from or ()), download=_download(contact), pace=_pace(interval_s, per_day),
    )  # fmt: skip
    _tell(_harvest(sources, root, config), as_json)


def _download(contact: str) -> "DownloadConfig":
    from harvest.download import DownloadConfig

    if not contact.isprintable() or len(contact) > 200:
        raise typer.BadParameter("one short line, please", param_hint="--contact")
    return DownloadConfig(contact=contact)


def _pace(interval_s: float, per_day: int) -> "PaceConfig":
    from harvest.pace import PaceConfig

    return PaceConfig(interval_s=interval_s, per_day=per_day)


def _config(policy: "Policy", label: "LabelConfig", phi: list[str] | None, **others: Any) -> "HarvestConfig":
    from harvest.config import HarvestConfig

    phis = tuple(phi) if phi else HarvestConfig().phis
    return HarvestConfig(policy=policy, label=label, phis=phis, retry_failed=True, **others)


def _existing(kind: "type[Lake]", root: str) -> "Lake":
    from storage.errors import NoSuchLake

    try:
        return kind(root, create=False)
    except NoSuchLake as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


def _policy(licence: str | None, allow_private: bool, opt_out: Path | None) -> "Policy":
    from harvest.optout import OptOutList
    from harvest.policy import Policy

    if licence not in (None, "open"):
        raise typer.BadParameter("only open can be vouched for", param_hint="--licence")
    try:
        wishes = OptOutList.load(opt_out) if opt_out else OptOutList()
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--opt-out") from error
    return Policy(licence=licence, allow_private=allow_private, opt_out=wishes)


def _label(preset: str, detect_every: int, max_fps: int) -> "LabelConfig":
    from dataclasses import replace
    from fractions import Fraction

    from harvest.config import LabelConfig
    from harvest.presets import PRESETS

    if preset not in PRESETS:
        raise typer.BadParameter(f"{preset} is none of {', '.join(PRESETS)}", param_hint="--preset")
    plain = LabelConfig(preset=PRESETS[preset])
    return replace(
        plain,
        people=replace(plain.people, detect_every=detect_every),
        decode=replace(plain.decode, max_fps=Fraction(max_fps)),
    )


def _harvest(sources: "Sequence[str | Path | Source]", lake: str | None, config: "HarvestConfig") -> "HarvestReport":
    from flows.harvest_bars import HarvestProgress
    from harvest.packages import WeightsError
    from harvest.run import harvest
    from storage.errors import LakeError
    from storage.lake import Lake
    from storage.layout import lake_root

    try:
        with HarvestProgress() as bars:
            return harvest(sources, Lake(lake_root(lake)), config, bars)
    except (WeightsError, LakeError, ValueError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("stopped; what was finished is in the lake, run the same command to go on", err=True)
        raise typer.Exit(130) from None


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
