"""Erasures that are asked for in a file: one wish a line, done by the hourly maintenance, and taken out when done.

The lines are those of the opt-out list (harvest/fetch/policy.py): `host NAME`, `uploader NAME`, a URL, or a source id.
The file lies on the machine of the worker, and nothing of it comes into Prefect's database.
"""

from collections.abc import Iterator
from pathlib import Path

from storage.atomic import write_atomically
from storage.erase.choice import chosen
from storage.erase.names import Target
from storage.erase.run import erase
from storage.errors import LakeError
from storage.lake import Lake
from storage.ledger.ledger import Ledger

_REASON = "# not done: "


def erase_queued(lake: Lake, ledger: Ledger, queue: Path) -> tuple[int, int]:
    """Erase what the file asks for; returns how many wishes were done and how many could not be.

    A wish that could not be done stays in the file, with the reason behind a # in the line before.
    """
    done, failed = 0, 0
    for line in list(_wishes(queue)):
        try:
            erase(lake, ledger, _target(lake, ledger, line), why="asked for in the erase queue")
        except (LakeError, ValueError) as error:
            failed += 1
            _replace(queue, line, f"{_REASON}{' '.join(str(error).split())}\n{line}")
            continue
        done += 1
        _replace(queue, line, "")
    return done, failed


def _wishes(queue: Path) -> Iterator[str]:
    if queue.exists():
        yield from (line for line in map(str.strip, queue.read_text().splitlines()) if line and line[0] != "#")


def _target(lake: Lake, ledger: Ledger, line: str) -> Target:
    kind, _, name = line.partition(" ")
    name = name.strip()
    if kind == "host" and name:
        return Target(host=name)
    if kind == "uploader" and name:
        return Target(uploader=name)
    return Target(chosen(lake, ledger, [name if kind in ("url", "id") and name else line]))


def _replace(queue: Path, line: str, by: str) -> None:
    """The file is read again: a wish may have been added meanwhile. An old reason goes with its wish."""
    kept: list[str] = []
    for text in queue.read_text().splitlines():
        if text.strip() != line:
            kept.append(text)
            continue
        if kept and kept[-1].startswith(_REASON):
            kept.pop()
        kept += by.splitlines()
    write_atomically(queue, "".join(f"{text}\n" for text in kept).encode())
