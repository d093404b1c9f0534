"""An exported dataset checked against itself: files, rows, digest. Needs only the folder."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from storage.atomic import file_sha256
from storage.errors import SchemaMismatch
from storage.export.dataset import FORMAT
from storage.json_text import MISFIT, number, read_object, word
from storage.schema import SCHEMA_VERSION, TABLES, validated


def verify_dataset(folder: Path) -> list[str]:
    """Everything that is wrong with it, one line each; an empty list if it is as it was exported."""
    try:
        info = read_object((folder / "info.json").read_bytes())
        manifest = _manifest(folder)
    except (OSError, ValueError) as error:
        return [f"{folder}: not an exported dataset: {error}"]
    if info.get("format") != FORMAT:
        return [f"{folder}: format {info.get('format')!r}, this program knows {FORMAT}"]
    problems = _check_files(folder, manifest)
    if problems or info.get("schema_version") != SCHEMA_VERSION:
        note = f"rows not checked: schema {info.get('schema_version')}, this program has {SCHEMA_VERSION}"
        return problems or [note]
    try:
        counts, digest = {word(name): number(count) for name, count in info["rows"].items()}, word(info["digest"])
    except MISFIT as error:
        return [f"{folder}/info.json does not say its rows and digest ({error!r})"]
    return _check_rows(folder, counts, digest)


def _manifest(folder: Path) -> dict[str, str]:
    entries = {}
    for line in (folder / "manifest.sha256").read_text().splitlines():
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name or name.startswith("/") or ".." in Path(name).parts:
            raise ValueError(f"bad line in manifest.sha256: {line[:100]!r}")
        entries[name] = digest
    return entries


def _check_files(folder: Path, manifest: dict[str, str]) -> list[str]:
    present_names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {
        "manifest.sha256"
    }
    problems = [f"{name}: missing" for name in sorted(manifest.keys() - present_names)]
    problems += [f"{name}: not in the manifest" for name in sorted(present_names - manifest.keys())]
    changed = [name for name in sorted(manifest.keys() & present_names) if file_sha256(folder / name) != manifest[name]]
    return problems + [f"{name}: changed" for name in changed]


def _check_rows(folder: Path, counts: Mapping[str, float], digest: str) -> list[str]:
    problems = []
    ids: dict[str, list[str]] = {}
    for name, count in counts.items():
        rows = 0
        for path in sorted((folder / "data" / name).glob("*.parquet")):
            table, problem = _read(name, path)
            if problem or table is None:
                problems.append(f"{path.relative_to(folder)}: {problem}")
                continue
            rows += table.num_rows
            if "tracklet_id" in table.column_names:
                ids.setdefault(name, []).extend(table["tracklet_id"].to_pylist())
        if rows != count:
            problems.append(f"{name}: {rows} rows, info.json says {count:.0f}")
    return problems + _check_ids(ids, digest)


def _read(name: str, path: Path) -> tuple[pa.Table | None, str]:
    if name not in TABLES:
        return None, f"{name} is no table of ours"
    try:
        return validated(name, pq.ParquetFile(path).read()), ""
    except (pa.ArrowException, OSError, SchemaMismatch) as error:
        return None, str(error)


def _check_ids(ids: dict[str, list[str]], digest: str) -> list[str]:
    tracklets = sorted(ids.get("tracklets", []))
    problems = []
    if hashlib.sha256("\n".join(tracklets).encode()).hexdigest() != digest:
        problems.append("the tracklets' ids do not hash to the snapshot's digest")
    known = set(tracklets)
    for name, those in ids.items():
        lost = len(set(those) - known)
        if lost:
            problems.append(f"{name}: rows of {lost} tracklets that are not there")
    return problems
