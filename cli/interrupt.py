"""Ctrl-C that ends at once, for commands whose work is safe to kill at any moment.

Prefect's temporary server is in the same process group and dies of the same Ctrl-C; a flow that then tries to report
its end waits minutes for it. Nothing is lost by leaving: every step writes whole files or transactions.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType


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
