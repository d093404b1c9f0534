"""The `hmmr` command: each group of commands is one file of this folder, loaded when it is called.

Nothing here may import torch or prefect: `hmmr --help` answers at once.
"""

import importlib
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.common import USER_ERROR, is_users, message_of, plain

GROUPS: dict[str, str] = {
    "quickstart": "The main job on films made here, from nothing to out/quickstart/report.html.",
    "films": "Make synthetic films with known 3D.",
    "harvest": "Turn videos into pseudo-labelled tracklets.",
    "lake": "Look into the lake, freeze snapshots, erase a source.",
    "train": "Train HMMR on a lake and labelled data.",
    "label3d": "One round of 3D pseudo-labels for a lake, by trained models.",
    "predict": "3D motion of every person in a video or an image.",
    "evaluate": "Score a checkpoint by a named protocol.",
    "data": "Check and prepare benchmark data that you have.",
    "study": "Accuracy against added video: run a grid, fit the law.",
    "dashboard": "Serve or export the page of a lake.",
    "up": "Start a Prefect server, pools, deployments and workers on this machine.",
    "status": "What of that runs, and how far the lake's work is.",
    "down": "Stop what `hmmr up` started.",
    "weights": "Fetch and list the weights of the embedded 2D networks.",
    "doctor": "What this machine can run, and what is missing.",
}
"""Command group and its help; the module of group G is cli/G.py and holds `app`."""

_ClickError: type[Exception] = typer.BadParameter.__mro__[2]
"""ClickException of the click that typer brings, whose module name it does not promise."""


class Hmmr(TyperGroup):
    """A group that imports a command's module only when that command is called, and tells errors in one way.

    Contexts and commands are Any: typer brings a click of its own, under a name that it does not promise.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = dict.fromkeys(GROUPS)  # type: ignore[assignment]  # names to suggest; each is loaded when called

    def list_commands(self, ctx: Any) -> list[str]:
        """Every group, in the order a newcomer meets them."""
        return list(GROUPS)

    def get_command(self, ctx: Any, name: str) -> Any:
        """The command of that name, or None, which click reports with the near misses."""
        if name not in GROUPS:
            return None
        return typer.main.get_command(importlib.import_module(f"cli.{name}").app)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the groups from the table above, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(GROUPS.items()))

    def main(self, args: Any = None, *, standalone_mode: bool = True, **others: Any) -> Any:  # type: ignore[override]
        """Run a command line. A user's error is one line `error: ...` and exit code 2; a bug keeps its traceback."""
        words = _quiet_first(list(sys.argv[1:] if args is None else args))
        others["prog_name"] = "hmmr"
        if not standalone_mode:
            return super().main(words, standalone_mode=False, **others)
        try:
            code = super().main(words, standalone_mode=False, **others)
        except typer.Abort:
            typer.echo("stopped: nothing was done", err=True)
            code = 1
        except _ClickError as error:
            code = _tell_usage(error)
        except Exception as error:
            if not is_users(error):
                raise
            typer.echo(f"error: {plain(message_of(error))}", err=True)
            code = USER_ERROR
        sys.exit(code if isinstance(code, int) else 0)


def _quiet_first(words: list[str]) -> list[str]:
    """The words with a --quiet at any place put first, where the command that all others belong to takes it."""
    if "--quiet" not in words:
        return words
    return ["--quiet", *[word for word in words if word != "--quiet"]]


def _tell_usage(error: Any) -> int:
    """What is wrong with the words of the command line, and where they are explained; the help if there are none."""
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message(), err=True)
        return USER_ERROR
    context: Any = getattr(error, "ctx", None)
    message = str(error.format_message()).rstrip(".")
    no_command = message.startswith("No such command") and "Did you mean" not in message
    if no_command and "run" in getattr(context.command, "commands", {}):
        message += f"; did you mean {context.command_path} run?"
    typer.echo(f"error: {plain(message)}", err=True)
    if context is not None:
        typer.echo(f"{context.command_path} --help explains it", err=True)
    return USER_ERROR


app = typer.Typer(
    cls=Hmmr,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Video in, pseudo-labelled tracklets out, HMMR trained on them, and a curve of what it was worth.",
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"hmmr {version('hmmr-harvest')}")
        raise typer.Exit


VERSION = typer.Option("--version", help="Print the version and end.", callback=_tell_version, is_eager=True)
QUIET = typer.Option("--quiet", help="No progress on stderr; at any place of the line. Results and errors stay.")


@app.callback()
def _root(
    version: Annotated[bool, VERSION] = False,
    quiet: Annotated[bool, QUIET] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Tell each step on stderr, before the command: hmmr --verbose harvest ...")
    ] = False,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Log lines as JSON, one object a line, with the item's id.")
    ] = False,
) -> None:
    """The house is drawn in ARCHITECTURE.md; `hmmr GROUP --help` explains each group."""
    from cli.common import log_to_stderr

    if quiet:
        os.environ["HMMR_PROGRESS"] = "off"  # worker processes see it too
    log_to_stderr(verbose=verbose, as_json=log_json)
