"""Which sources a name stands for, so that nothing is erased that was not meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from storage.atomic import file_sha256
from storage.erase.ledger_rows import sources_of
from storage.errors import LakeError
from storage.lake import Lake
from storage.ledger.ledger import Ledger


@dataclass(frozen=True)
class Named:
    """A source as a person knows it."""

    source_id: str
    name: str
    """Its URL, or of a local file the name without the folder, as harvested."""
    seconds: float | None
    """Of video; None for a source that has not been harvested."""

    def __str__(self) -> str:
        length = "not harvested" if self.seconds is None else f"{self.seconds:.1f} s"
        return f"{self.source_id}  {self.name}  {length}"


class AmbiguousNameError(LakeError):
    """A name that may mean several sources, or another content than the file that was given."""

    def __init__(self, what: str, candidates: Sequence[Named]) -> None:
        lines = "".join(f"\n  {named}" for named in candidates)
        super().__init__(f"{what}; say which by its id:{lines}")


def chosen(lake: Lake, ledger: Ledger, names: Sequence[str]) -> tuple[str, ...]:
    """Source ids for ids, URLs, names as harvested, and paths of existing files, which go by their content.

    AmbiguousNameError: a name that several contents have, or a file whose name the lake knows but not its content.
    What is not known at all stays as it is: what follows says so.
    """
    return tuple(source for name in names for source in _meant(lake, ledger, name))


def named(lake: Lake, ledger: Ledger, sources: Sequence[str]) -> list[Named]:
    """Each of these sources with its name and length, in the order of the ids."""
    mine = pc.field("source_id").isin(pa.array(list(sources), pa.string()))
    videos = {
        row["source_id"]: row for row in lake.read("videos", ["source_id", "url", "duration_s"], mine).to_pylist()
    }
    asked = sources_of(ledger, sources=sources)
    named_sources = []
    for source in sorted(sources):
        video = videos.get(source, {})
        name = video.get("url") or asked.get(source) or "(no name)"
        named_sources.append(Named(source, name, video.get("duration_s")))
    return named_sources


def _meant(lake: Lake, ledger: Ledger, name: str) -> list[str]:
    path = Path(name)
    if path.is_file():
        same = _of_content(lake, ledger, file_sha256(path))
        if same:
            return same
        alike = _of_name(lake, ledger, path.name)
        if alike:
            raise AmbiguousNameError(f"{name}: the lake has other contents of that name", named(lake, ledger, alike))
    source_ids = _of_name(lake, ledger, name)
    if len(source_ids) > 1 and name not in source_ids:
        raise AmbiguousNameError(f"{len(source_ids)} sources are called {name}", named(lake, ledger, source_ids))
    return source_ids if len(source_ids) == 1 else [name]


def _of_name(lake: Lake, ledger: Ledger, name: str) -> list[str]:
    rows = lake.read("videos", ["source_id"], (pc.field("url") == name) | (pc.field("source_id") == name))
    return sorted({*rows["source_id"].to_pylist(), *sources_of(ledger, sources=[name])})


def _of_content(lake: Lake, ledger: Ledger, sha256: str) -> list[str]:
    """A local file's id is its content's hash, so the ledger knows it before it is harvested."""
    rows = lake.read("videos", ["source_id"], pc.field("content_sha256") == sha256)
    return sorted({*rows["source_id"].to_pylist(), *sources_of(ledger, sources=[sha256])})
