"""What all commands share: the option --lake, how a user's error is told, words for a terminal, devices, Ctrl-C.

Exit codes: 0 done; 1 the command ran and its answer is bad (an item failed, a file is damaged); 2 the user's error,
told in one line that begins with `error:`; 130 stopped by Ctrl-C.

What the rooms log, on stderr: warnings, or with --verbose each step; as text, or with --log-json one JSON object a
line.
"""

import difflib
import json
import logging
import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from storage.lake import Lake
    from storage.ledger.ledger import Ledger

USER_ERROR = 2
"""Exit code of everything that the user can mend, the same as of a mistyped option."""

_ROOMS = frozenset({"storage", "body", "harvest", "openworld", "hmmr_model", "evaluation", "dashboard", "flows", "cli"})

LakeOption = Annotated[
    str | None, typer.Option("--lake", help="Folder or s3:// URL of the lake; without it $HMMR_LAKE, else ./lake.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")]


class UserError(Exception):
    """What the user can mend. The message names the thing and the way out."""


def is_users(error: BaseException) -> bool:
    """Whether an exception is the user's to mend: one of the rooms' own classes, or the operating system's answer.

    The rooms raise classes of their own for bad input only; a bug shows as one of Python's, with its traceback.
    """
    own = (kind.__module__.partition(".")[0] for kind in type(error).__mro__)
    return isinstance(error, OSError) or not _ROOMS.isdisjoint(own)


def message_of(error: BaseException) -> str:
    """The error in words; of the operating system's, the file (of a rename, the new name) and what is wrong."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        if isinstance(error, FileExistsError):
            return f"{error.filename}: a file of that name is in the way"
        return f"{error.filename2 or error.filename}: {error.strerror.lower()}"
    return str(error) or type(error).__name__


@contextmanager
def as_user_error(*kinds: type[Exception]) -> Iterator[None]:
    """Turn these built-in exceptions, raised inside the block for bad input, into UserError."""
    try:
        yield
    except kinds as error:
        if is_users(error):
            raise
        raise UserError(str(error)) from error


@contextmanager
def resumable(promise: str) -> Iterator[None]:
    """Ctrl-C ends the command with exit code 130 and `stopped; PROMISE`."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"\nstopped; {promise}", err=True)
        raise typer.Exit(130) from None


@contextmanager
def opened(root: str | None) -> "Iterator[tuple[Lake, Ledger]]":
    """Lake and ledger of `--lake`; the ledger is closed afterwards."""
    from storage.lake import Lake
    from storage.layout import lake_root
    from storage.ledger.ledger import Ledger

    with as_user_error(ValueError):
        lake = Lake(lake_root(root), create=False)
        ledger = Ledger.open(lake.root)
        try:
            yield lake, ledger
        finally:
            ledger.close()


def near(word: str, choices: Iterable[str]) -> str:
    """`; did you mean X?` for the choice that looks like `word`, or nothing."""
    likely = difflib.get_close_matches(word, list(choices), 1, cutoff=0.75)
    return f"; did you mean {likely[0]}?" if likely else ""


def one_of(word: str, choices: Sequence[str], option: str) -> None:
    """BadParameter of `option` unless `word` is one of the choices; it lists them."""
    if word not in choices:
        listed = f"{word} is none of {', '.join(choices)}"
        raise typer.BadParameter(listed + near(word, choices), param_hint=option)


def absent(path: Path, what_else: str = "") -> UserError:
    """The error for a file or folder that is not there, with a neighbour of a name like it."""
    beside = path.parent if path.parent.is_dir() else Path()
    with suppress(OSError):
        return UserError(f"{path}: no such file or folder{near(path.name, os.listdir(beside)) or what_else}")
    return UserError(f"{path}: no such file or folder{what_else}")


def counted(count: int, noun: str) -> str:
    """`1 tracklet`, `2 tracklets`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def plain(text: str) -> str:
    """The same text with everything that a terminal would act on written as JSON escapes it; line ends stay, and JSON
    stays the JSON that it was. Hosts, licences and reasons of a lake were written by strangers."""
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def only_local(out: Path | None) -> Path | None:
    """Callback of an `--out`: typer.BadParameter for a URL."""
    from storage.layout import local_folder

    try:
        return None if out is None else local_folder(out)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def require_device(device: str) -> None:
    """NoSuchDeviceError with the way out if this torch cannot compute on `device`, before any work is done."""
    from hmmr_model.devices import check_device, own_device

    check_device(own_device(device))


def leave_on_interrupt(message: str) -> None:
    """From now on SIGINT prints `message` on stderr, kills this process's children and exits with 130.

    For commands whose work is safe to kill at any moment. Prefect's temporary server is in the same process group and
    dies of the same Ctrl-C; a flow that then tries to report its end waits minutes for it.
    """

    def leave(signum: int, frame: FrameType | None) -> None:
        show_cursor = b"\x1b[?25h" if os.isatty(2) else b""
        os.write(2, show_cursor + f"\n{message}\n".encode())
        for child in descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        os._exit(130)

    signal.signal(signal.SIGINT, leave)


def descendants(pid: int) -> list[int]:
    """Children of a process and theirs, by /proc; empty where there is none."""
    pids: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                pids += [child, *descendants(child)]
    return pids


ROOMS = ("harvest", "storage", "body", "openworld", "hmmr_model", "evaluation", "dashboard", "flows")


def log_to_stderr(*, verbose: bool, as_json: bool) -> None:
    """From now on each room's loggers write to stderr. Other packages' loggers stay as they are."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLine() if as_json else _TextLine())
    for room in ROOMS:
        logger = logging.getLogger(room)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO if verbose else logging.WARNING)
        logger.propagate = False


class _TextLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return plain(f"{record.levelname.lower()}: {record.getMessage()}")


class _JsonLine(logging.Formatter):
    """`item` is the id of the item of the ledger that a line is about, or null."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps({
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "item": getattr(record, "item", None),
            "message": record.getMessage(),
        })  # fmt: skip
