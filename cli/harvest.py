"""`hmmr harvest`: turn videos into pseudo-labelled tracklets, look at the books, try again what failed."""

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import JsonOption, LakeOption, UserError, absent, as_user_error, near, one_of, plain, resumable
from cli.harvest_measure import measure

if TYPE_CHECKING:
    from harvest.config import DownloadConfig, HarvestConfig, LabelConfig
    from harvest.fetch.policy import Policy
    from harvest.run import HarvestReport
    from harvest.sources.expand import Source

app = typer.Typer(add_completion=False, help="Turn videos into pseudo-labelled tracklets.", no_args_is_help=True)
app.command()(measure)

SOURCES = typer.Argument(
    help="URLs, s3:// prefixes, ytsearch50:WORDS, video files, folders, or text, YAML or JSON lists of those. The same "
    "source twice is one item.",
    metavar="SOURCE...",
)
CLASS = typer.Option("--class", help="Only items that failed so, e.g. rate_limited; `hmmr harvest status` has them.")


ADDED_PHI = typer.Option(help="The image feature: one of those of `hmmr harvest run --phi`.")
FILES = typer.Option(
    "--files",
    help="A file or folder with videos of the lake, known by their content; once or more. Others are looked for where "
    "they were harvested from, and downloaded again if that is an address.",
)
VOUCHED = typer.Option(help="open: you vouch for addresses of which nobody says that they may be used.")
TAKEN = typer.Option(help="Licences to take beside open ones, as for `hmmr harvest run`.")
PRIVATE = typer.Option("--allow-private", help="Hosts that you named may be loopback or private addresses.")
OPT_OUT = typer.Option(help="File of addresses, hosts and uploaders that are never fetched.", exists=True)
CONTACT = typer.Option(help="Page or address to be reached at: it goes into the user agent of every request.")
WORKERS = typer.Option(min=1, help="Videos at the same time, each in a process of its own.")
DEVICE = typer.Option(help="Where the network runs: cpu, cuda, cuda:1, mps.")


@dataclass(frozen=True)
class HarvestOptions:
    """What may be fetched, how fast, and how it is labelled: one field, one option of the command line."""

    lake: LakeOption = None
    licence: Annotated[
        str | None,
        typer.Option(
            help="open: you vouch that every source of this call may be used. Without it, URLs whose licence is not "
            "stated are rejected; files on your disk are vouched for by being named."
        ),
    ] = None
    also: Annotated[
        list[str] | None,
        typer.Option(
            help="Licences to take beside open ones, once or more: nc (not for commercial use), nd (no derivatives), "
            "nc-nd."
        ),
    ] = None
    allow_private: Annotated[
        bool,
        typer.Option("--allow-private", help="Hosts that you name yourself may be loopback or private addresses."),
    ] = False
    as_json: JsonOption = False
    workers: Annotated[
        int, typer.Option(min=1, help="Videos at the same time, each in a process of its own.")
    ] = 2  # fmt: skip
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Of each worker: with 2 or more one video uses two cores. As it is, the machine's cores shared out "
            "among the workers that have a video.",
        ),
    ] = None
    engine: Annotated[
        str, typer.Option(help="Where workers run: local, or ray (a cluster; docs/cluster.md).")
    ] = "local"  # fmt: skip
    networks: Annotated[int, typer.Option(min=1, help="With --engine ray: actors that run the networks.")] = 1
    gpu_share: Annotated[
        float, typer.Option(min=0.01, help="With --engine ray and --device cuda: GPUs, or part of one, of each.")
    ] = 1.0  # fmt: skip
    backend: Annotated[
        str,
        typer.Option(
            help="2D networks: embedded; truth (films of the open world only); rtm:SET or rtm:FILE.yaml; "
            "mmlab:FILE.yaml (docs/backends.md)."
        ),
    ] = "embedded"
    truth_films: Annotated[
        Path | None,
        typer.Option("--truth-films", help="Folder of the films, for --backend truth.", file_okay=False, exists=True),
    ] = None
    preset: Annotated[
        str, typer.Option(help="Track filters: default, strict, or hmmr_2019 (the paper's to the letter).")
    ] = "default"
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", metavar="NAME=LIMIT",
            help="A further filter, once or more: too_fast=0.01 drops people of whom more than 1 % of the steps are "
            "faster than a body moves; stretched=SHARE of too long bones; cut_off=SHARE of frames at the border.",
        ),
    ] = None  # fmt: skip
    detect_every: Annotated[
        int, typer.Option(min=1, help="People are detected in every n-th frame and followed in between.")
    ] = 4
    opt_out: Annotated[
        Path | None,
        typer.Option(help="File of addresses, hosts and uploaders that are never fetched.", exists=True),
    ] = None
    max_fps: Annotated[
        int,
        typer.Option(
            min=1, help="Working rate; faster video is thinned out, slower keeps its own; training takes 20 to 30 only."
        ),
    ] = 25
    smoothing: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0,
            help="Smooth stored joints over time by so many seconds (0.06 is a good value); 0: as the network said.",
        ),
    ] = 0.0  # fmt: skip
    scores: Annotated[
        str,
        typer.Option(
            help="raw: as the network said; calibrated: the chance that the joint is right, where the backend has a "
            "fitted map."
        ),
    ] = "raw"
    phi: Annotated[
        list[str] | None,
        typer.Option(
            help="Image features, once or more: blazepose_penultimate, keypoints, movenet_pyramid, "
            "resnet50_v1:CHECKPOINT, resnet50_v2:CHECKPOINT, vit:MODEL:CHECKPOINT. As it is, blazepose_penultimate."
        ),
    ] = None
    device: Annotated[str, typer.Option(help="Where the networks run: cpu, cuda, cuda:1, mps.")] = "cpu"
    runtime: Annotated[
        str,
        typer.Option(
            help="What runs the embedded networks on a CPU: onnxruntime, or openvino (pip install "
            "'hmmr-harvest[openvino]'), whose labels agree to 0.01 px and have a key of their own."
        ),
    ] = "onnxruntime"
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Work on so many videos at most, shared out by the `weight` of each source; the rest stays pending.",
        ),
    ] = None
    apart_from: Annotated[
        list[str] | None,
        typer.Option(
            help="A lake (a test set, a labelled set) of which nothing may come in, however it was re-encoded; once or "
            "more."
        ),
    ] = None
    contact: Annotated[
        str, typer.Option(help="Page or address to be reached at: it goes into the user agent of every request.")
    ] = ""
    interval_s: Annotated[
        float,
        typer.Option(
            min=0.0, max=86_400.0, help="Least seconds between two requests to one host, by all workers and machines."
        ),
    ] = 1.0
    per_day: Annotated[int, typer.Option(min=1, max=10**9, help="Most items a day of one host.")] = 2000
    wait: Annotated[
        bool,
        typer.Option(
            "--wait/--no-wait",
            help="Wait for items of this list that other runs hold: a dead run's come back after 150 s. Without, they "
            "are left pending.",
        ),
    ] = True

    def config(self) -> "HarvestConfig":
        """The settings of the harvest. typer.BadParameter names an option whose value cannot be."""
        from harvest.config import HarvestConfig, RayConfig
        from harvest.fetch.pace import PaceConfig
        from harvest.registry import check_names

        one_of(self.engine, ("local", "ray"), "--engine")
        config = HarvestConfig(
            policy=self._policy(), label=self._label(), download=self._download(), backend=self.backend,
            truth_films=self.truth_films, phis=tuple(self.phi) if self.phi else HarvestConfig().phis,
            device=self.device, runtime=self.runtime, pace=PaceConfig(interval_s=self.interval_s, per_day=self.per_day),
            apart_from=tuple(self.apart_from or ()), limit=self.limit, workers=self.workers, threads=self.threads,
            wait_for_others=self.wait, retry_failed=True, engine="ray" if self.engine == "ray" else "local",
            ray=RayConfig(networks=self.networks, gpus=self.gpu_share),
        )  # fmt: skip
        with as_user_error(ValueError, ImportError):
            check_names(config)
        return config

    def _download(self) -> "DownloadConfig":
        from harvest.config import DownloadConfig

        if not self.contact.isprintable() or len(self.contact) > 200:
            raise typer.BadParameter("one short line, please", param_hint="--contact")
        return DownloadConfig(contact=self.contact)

    def _policy(self) -> "Policy":
        from harvest.fetch.licences import ASKED_FOR
        from harvest.fetch.policy import OptOutList, Policy

        if self.licence not in (None, "open"):
            raise typer.BadParameter("only open can be vouched for", param_hint="--licence")
        if not set(self.also or ()) <= set(ASKED_FOR):
            raise typer.BadParameter(f"one of {', '.join(ASKED_FOR)}", param_hint="--also")
        try:
            wishes = OptOutList.load(self.opt_out) if self.opt_out else OptOutList()
        except (OSError, ValueError) as error:
            raise typer.BadParameter(str(error), param_hint="--opt-out") from error
        return Policy(
            licence=self.licence, also=tuple(self.also or ()), allow_private=self.allow_private, opt_out=wishes
        )

    def _label(self) -> "LabelConfig":
        from dataclasses import replace
        from fractions import Fraction

        from harvest.config import LabelConfig
        from harvest.filters.presets import PRESETS
        from harvest.smooth import SmoothingConfig

        one_of(self.preset, tuple(PRESETS), "--preset")
        one_of(self.scores, ("raw", "calibrated"), "--scores")
        plain = LabelConfig(
            preset=PRESETS[self.preset].with_limits(_limits(self.filters)) if self.filters else PRESETS[self.preset],
            smoothing=SmoothingConfig(self.smoothing) if self.smoothing > 0 else None,
            scores="calibrated" if self.scores == "calibrated" else "raw",
        )
        return replace(
            plain,
            people=replace(plain.people, detect_every=self.detect_every),
            decode=replace(plain.decode, max_fps=Fraction(self.max_fps)),
        )


def _limits(words: Sequence[str]) -> dict[str, float]:
    """`too_fast=0.01` and the like as a dictionary."""
    from harvest.filters.tracks import MEASURES

    limits = {}
    for word in words:
        name, _, limit = word.partition("=")
        one_of(name, tuple(MEASURES), "--filter")
        try:
            limits[name] = float(limit)
        except ValueError:
            raise typer.BadParameter(f"{word}: a limit is a number, as in {name}=0.01", param_hint="--filter") from None
        if not math.isfinite(limits[name]):
            raise typer.BadParameter(f"{word}: a limit is a finite number", param_hint="--filter")
    return limits


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command for Typer in which the parameter `options: HarvestOptions` is spread into one option a field."""
    own = [option for option in inspect.signature(command).parameters.values() if option.name != "options"]
    names = [option.name for option in fields(HarvestOptions)]
    shared = [
        inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=option.type)
        for option in fields(HarvestOptions)
    ]

    @wraps(command)
    def spread(**given: Any) -> None:
        options = HarvestOptions(**{name: given.pop(name) for name in names})
        command(**given, options=options)

    ordered = sorted([*own, *shared], key=lambda option: option.kind)
    spread.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
    spread.__annotations__ = {option.name: option.annotation for option in ordered}
    return spread


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
    options.config()  # a wrong option is told before a source is looked at
    _harvest(_named(sources), options.lake, options)


def _named(words: Sequence[str]) -> "list[Source]":
    """The sources that the typed words stand for. A word that stands for nothing is the user's to mend: no lake is
    made and no item is entered for it."""
    from harvest.sources.expand import expand

    sources = []
    for word in words:
        meant = expand([word])
        if not meant:
            raise UserError(f"{word}: names no source; one address, file or search a line")
        if (problem := meant[0].problem) is not None and _is(meant[0], word):
            raise _wrong_word(word, problem.message)
        sources += meant
    return expand(sources)


def _is(source: "Source", word: str) -> bool:
    """Whether a source is the typed word itself, and not something that the word's list or folder named."""
    return source.address == word or Path(source.address) == Path.cwd() / Path(word).expanduser()


def _wrong_word(word: str, reason: str) -> UserError:
    if "://" in word or Path(word).exists():
        return UserError(f"{word}: {reason}")
    web = "; an address begins with https://" if word.startswith("www.") else ""
    return absent(Path(word), web)


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
    from harvest.sources.expand import failed_sources
    from harvest.status import failure_classes
    from storage.lake import Lake
    from storage.layout import lake_root

    if reason is not None and reason not in failure_classes():
        known = failure_classes()
        listed = f"nothing fails as {reason}; the classes are {', '.join(known)}{near(reason, known)}"
        raise typer.BadParameter(listed, param_hint="--class")
    root = Lake(lake_root(options.lake), create=False).root
    sources = failed_sources(root, reason)
    if not sources:
        typer.echo(f"nothing failed{f' as {reason}' if reason else ''} in {root}", err=True)
    _harvest(sources, root, options)


@app.command()
def features(
    phi: Annotated[str, ADDED_PHI],
    lake: LakeOption = None,
    files: Annotated[list[str] | None, FILES] = None,
    licence: Annotated[str | None, VOUCHED] = None,
    also: Annotated[list[str] | None, TAKEN] = None,
    allow_private: Annotated[bool, PRIVATE] = False,
    opt_out: Annotated[Path | None, OPT_OUT] = None,
    contact: Annotated[str, CONTACT] = "",
    workers: Annotated[int, WORKERS] = 2,
    device: Annotated[str, DEVICE] = "cpu",
    as_json: JsonOption = False,
) -> None:
    """Compute another image feature φ for the tracklets of a lake, from the same crops of the same files.

    Nothing is labelled again: boxes and joints are those of the lake, and φ is what the harvest would have computed. A
    file whose content has changed is refused by name, an erased source too. It may be stopped and run again.

    hmmr harvest features --lake lake --phi blazepose_turned --files clips/
    """
    import json

    from flows.progress import HarvestProgress
    from harvest.features.run import add_features
    from storage.lake import Lake
    from storage.layout import lake_root

    options = HarvestOptions(
        licence=licence, also=also, allow_private=allow_private, opt_out=opt_out,
        contact=contact, workers=workers, device=device, phi=[phi],
    )  # fmt: skip
    config = options.config()
    with (
        resumable("what was computed is in the lake, run the same command to go on"),
        HarvestProgress() as bars,
        as_user_error(ValueError, ImportError),
    ):
        report = add_features(Lake(lake_root(lake), create=False), config, files or (), bars)
    for trouble in report.troubles:
        typer.echo(plain(f"left out ({trouble.reason}): {trouble}"), err=True)
    left = report.lacked - report.added
    typer.echo(
        f"{report.phi}: {report.added} tracklets, {report.frames} frames added; {left} lack it still", err=as_json
    )
    if as_json:
        typer.echo(json.dumps(report.as_dict(), sort_keys=True))
    if report.troubles:
        raise typer.Exit(1)


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
