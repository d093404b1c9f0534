"""What a lake needs now and then, so that reads and commits do not grow with its age: few files, a fresh checkpoint."""

from dataclasses import dataclass, field

from storage.commit import LAST, resume
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.rewrite import compact, sweep
from storage.schema import TABLES

MANY_FILES = 64
"""Files of a table from which on the small ones are joined. Each commit adds one; opening one costs about 1 ms."""


@dataclass
class Maintained:
    """What was done, by table."""

    joined: dict[str, int] = field(default_factory=dict)
    """Small files that became few."""
    swept: dict[str, int] = field(default_factory=dict)
    """Files deleted that no version has named for an hour."""


def maintain(lake: Lake, ledger: Ledger, *, many_files: int = MANY_FILES) -> Maintained:
    """Settle what dead runs left, join small files where there are many, delete what is unused.

    Safe at any time, beside any number of runs; the harvest calls it at its end.
    """
    resume(lake, ledger)
    done = Maintained()
    # The last table of a commit goes last: until then its files say which commits are whole without a look at its log.
    for name in (*[name for name in TABLES if name != LAST], LAST):
        folder = lake.folder(name)
        table = folder.open()
        if table is None or len(folder.file_names(table)) < many_files:
            continue
        if files := compact(lake, name).files:
            done.joined[name] = files
            newest = folder.open()
            if newest is not None:
                lake.disk.patiently(newest.create_checkpoint)
        if swept := sweep(lake, name):
            done.swept[name] = swept
    return done
