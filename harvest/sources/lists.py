"""Source lists: plain text (one address a line, # comments), YAML or JSON with a licence, tags and limits per source.

defaults: {licence: open, tags: [dance], max_seconds: 600}
sources:
  - https://example.org/clip.webm
  - {url: https://example.org/talk.mp4, tags: [walk], sections: [[10, 25.5]]}
  - {file: clips/, licence: open}
  - {search: parkour, count: 50, weight: 3}
  - s3://bucket/clips/
`weight` is an entry's share of a run beside the others (1 where it is not given). The published lists of HMMR's
authors (InstaVariety.json, vlog_ids.txt) are read as they are.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

import yaml

from harvest.entry import Entry
from harvest.hmmr_lists import instavariety_entries, is_instavariety, vlog_entry

LIST_SUFFIXES = frozenset({".txt", ".list", ".yaml", ".yml", ".json"})
MAX_LIST_BYTES = 64 << 20
"""A list above 64 MB is refused: InstaVariety's, the largest published one, is 31 MB."""

_KEYS = frozenset(["url", "file", "search", "tags", "licence", "sections", "max_seconds", "max_bytes", "count",
                   "weight"])  # fmt: skip

_FORM = "a section is [start, end] in seconds, as in `sections: [[10, 25.5]]`"


def read_list(path: Path) -> list[Entry]:
    """The entries of a list file. ValueError says which line is wrong and what is expected; OSError as from opening."""
    if path.stat().st_size > MAX_LIST_BYTES:
        raise ValueError(f"list is larger than {MAX_LIST_BYTES >> 20} MB")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"list is not UTF-8 text: {error}") from error
    if path.suffix.lower() in {".txt", ".list"}:
        return _read_text(text)
    return _read_tree(_parse(path, text))


def _read_text(text: str) -> list[Entry]:
    lines = (line.strip() for line in text.splitlines())
    return [vlog_entry(line) or Entry(line) for line in lines if line and not line.startswith("#")]


def _parse(path: Path, text: str) -> object:
    try:
        return json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"list cannot be parsed: {error}") from error


def _read_tree(tree: object) -> list[Entry]:
    if is_instavariety(tree):
        return instavariety_entries(tree)  # type: ignore[arg-type]
    defaults = Entry("")
    if isinstance(tree, Mapping) and "sources" in tree:
        defaults = _defaults(tree.get("defaults"))
        tree = tree["sources"]
    if not isinstance(tree, list):
        raise ValueError("a list needs 'sources:' with one entry a line")
    return [_entry(each, f"entry {i + 1}").under(defaults) for i, each in enumerate(tree)]


def _defaults(given: object) -> Entry:
    if given is None:
        return Entry("")
    if not isinstance(given, Mapping):
        raise ValueError(f"defaults: expected a mapping, found {type(given).__name__}")
    return _entry({**given, "url": ""}, "defaults")


def _entry(each: object, where: str) -> Entry:
    if isinstance(each, str):
        return Entry(each)
    if not isinstance(each, Mapping):
        raise ValueError(f"{where}: expected an address or a mapping, found {type(each).__name__}")
    unknown = sorted(str(key) for key in each if key not in _KEYS)
    if unknown:
        raise ValueError(f"{where}: unknown key {', '.join(unknown)}; known: {', '.join(sorted(_KEYS))}")
    try:
        return _from_mapping(each)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{where}: {error}") from error


def _from_mapping(each: Mapping[str, Any]) -> Entry:
    licence = each.get("licence")
    if licence not in (None, "open", "closed"):
        raise ValueError(f"licence must be open or closed, not {licence!r}")
    return Entry(
        _address(each),
        licence=licence,
        tags=_tags(each.get("tags")),
        sections_s=_sections(each.get("sections")),
        max_seconds=_positive(each, "max_seconds", float),
        max_bytes=_positive(each, "max_bytes", int),
        max_entries=_positive(each, "count", int),
        weight=_positive(each, "weight", float),
    )


def _address(each: Mapping[str, Any]) -> str:
    given = [key for key in ("url", "file", "search") if key in each]
    if len(given) != 1:
        raise ValueError("needs exactly one of url, file, search")
    value = _word(each[given[0]], given[0])
    return f"search://{value}" if given[0] == "search" else value


def _tags(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(_word(tag, "a tag") for tag in given or ())


def _word(value: Any, what: str) -> str:
    """A string or number as text: str() of a tree of YAML aliases can be larger than any memory."""
    if not isinstance(value, str | int | float):
        raise ValueError(f"{what} must be text, not {type(value).__name__}")
    return str(value)


def _sections(given: Any) -> tuple[tuple[float, float], ...]:
    if given is not None and not isinstance(given, list):
        raise ValueError(f"sections: {_FORM}, not {type(given).__name__}")
    return tuple(_section(pair) for pair in given or ())


def _section(pair: Any) -> tuple[float, float]:
    try:
        start, end = (float(second) for second in pair)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sections: {_FORM}, not {shortened(pair)}") from error
    if not 0 <= start < end:
        raise ValueError(f"section [{start}, {end}] is not start < end in seconds")
    return start, end


def _positive(each: Mapping[str, Any], key: str, kind: type) -> Any:
    if each.get(key) is None:
        return None
    value = kind(each[key])
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{key} must be a number above 0")
    return value
