"""Numbers with their nouns, as people write them.

What strangers wrote, for a terminal: hosts, licences and reasons of a lake may hold anything.

--device of the commands that run torch: one that is not there is an error in one line, before any work.

Ctrl-C that ends at once, for commands whose work is safe to kill at any moment.

Prefect's temporary server is in the same process group and dies of the same Ctrl-C; a flow that then tries to report
its end waits minutes for it. Nothing is lost by leaving: every step writes whole files or transactions.
"""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType

import typer


def counted(count: int, noun: str) -> str:
    """`1 tracklet`, `2 tracklets`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def plain(text: str) -> str:
    """The same text with everything that a terminal would act on written as JSON escapes it; line ends stay, and JSON
    stays the JSON that it was."""
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def require_device(device: str) -> None:
    """Exit code 1 and the way out if this torch cannot compute on `device`."""
    from hmmr_model.devices import NoSuchDeviceError, check_device

    try:
        check_device(device)
    except NoSuchDeviceError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


def leave_on_interrupt(message: str) -> None:
    """From now on SIGINT prints `message` on stderr, kills this process's children and exits with 130."""

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
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found
