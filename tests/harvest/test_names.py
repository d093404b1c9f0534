"""Files of any name end in a state, under a name that can be read; none takes another with it."""

import os
import shutil
from pathlib import Path

from harvest.config import HarvestConfig
from harvest.run import harvest
from harvest.sources.expand import failed_sources, to_source
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile

NAMES = (b"bad\xff\xfe.mp4", b"\xed\xa0\x80.mp4", b"new\nline.mp4", b"-x.mp4", b"~root.mp4", b"%d.mp4",
         b"a" * 240 + b".mp4", b"tab\t\x1b[31m.mp4", "\u202eevil.mp4".encode(), b"$(id).mp4", b"q?x#y.mp4")  # fmt: skip


def test_a_folder_with_any_names_is_harvested(films: Path, config: HarvestConfig) -> None:
    folder = films / "in"
    folder.mkdir()
    shutil.copy(films / "one.mp4", folder / "good.mp4")
    shutil.copy(films / "two.mp4", os.fsencode(folder) + b"/good\xff.mp4")
    for number, name in enumerate(NAMES):
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:
            file.write(b"no video, number %d" % number)
    lake = Lake(films / "lake")
    report = harvest([folder], lake, config)
    assert (report.books.asked, report.books.done, report.books.pending) == (len(NAMES) + 2, 2, 0)
    ledger = Ledger.open(lake.root)
    for entry in ledger.entries():
        assert entry.damaged is None
        assert (entry.item.url or "").isprintable()
        assert os.path.exists(to_source(entry.item).address)
    found = reconcile(lake, ledger)
    assert (found.problems, found.repaired) == ([], [])
    again = failed_sources(lake.root, None)
    assert all(os.path.exists(source.address) for source in again)
    assert len(again) == len(NAMES)
    assert lake.read("videos")["url"].to_pylist() == [name for name in lake.read("videos")["url"].to_pylist() if name]
    ledger.close()
