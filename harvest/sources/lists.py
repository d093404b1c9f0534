"""Source lists: plain text (one address a line, # comments), YAML or JSON with a licence, tags and limits per source.

    defaults: {licence: open, tags: [dance], max_seconds: 600}
    sources:
      - https://example.org/clip.webm
      - {url: https://example.org/talk.mp4, tags: [walk], sections: [[10, 25.5]]}
      - {file: clips/, licence: open}
      - {search: parkour, count: 50, weight: 3}
      - s3://bucket/clips/

`weight` is an entry's share of a run beside the others (1 where it is not given).

The lists that HMMR's authors published are read as they are. InstaVariety.json is a list of posts: {download_tag,
shortcode, video_link, is_video, ...} (their doc/insta_variety.md). vlog_ids.txt has one clip a line,
`0_J_I_v_2VqBUwJX0JI_034_`: three letters that sorted the videos into folders, `v_`, the video's id on YouTube, and the
clip's number. The seconds of a clip are in VLOG's own files, so the whole video is the source, once for all of its
clips. Naming such a list opts in to its host. Most videos of both are gone by now.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

import yaml


@dataclass(frozen=True)
class Entry:
    """One entry of a source list, not yet looked at: an address and what the list says about it.

    `address` is a URL, s3://BUCKET/PREFIX, a path, or search://WORDS.
    """

    address: str
    licence: str | None = None
    tags: tuple[str, ...] = ()
    sections_s: tuple[tuple[float, float], ...] = ()
    max_seconds: float | None = None
    max_bytes: int | None = None
    max_entries: int | None = None
    weight: float | None = None
    """Its share of a run beside the other entries (harvest/sources/expand.py)."""
    pot: str = ""
    """The entry whose share this entry belongs to; empty: it has a share of its own."""

    def under(self, outer: "Entry") -> "Entry":
        """This entry with the tags, licence, limits and weight of its list. A list with a weight forms one
        pot of all its entries; `defaults`, which have no address, give each entry that weight of its own."""
        shared = outer.weight is not None and bool(outer.address)
        return replace(
            self,
            licence=self.licence or outer.licence,
            tags=tuple(dict.fromkeys(outer.tags + self.tags)),
            max_seconds=self.max_seconds if self.max_seconds is not None else outer.max_seconds,
            max_bytes=self.max_bytes if self.max_bytes is not None else outer.max_bytes,
            max_entries=self.max_entries if self.max_entries is not None else outer.max_entries,
            weight=outer.weight if shared or self.weight is None else self.weight,
            pot=(outer.pot or outer.address) if shared else self.pot,
        )


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
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"list cannot be parsed: line {line}: {error.problem}") from error
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
    return [_entry(raw, f"entry {i + 1}").under(defaults) for i, raw in enumerate(tree)]


def _defaults(given: object) -> Entry:
    if given is None:
        return Entry("")
    if not isinstance(given, Mapping):
        raise ValueError(f"defaults: expected a mapping, found {type(given).__name__}")
    return _entry({**given, "url": ""}, "defaults")


def _entry(raw: object, where: str) -> Entry:
    if isinstance(raw, str):
        return Entry(raw)
    if not isinstance(raw, Mapping):
        raise ValueError(f"{where}: expected an address or a mapping, found {type(raw).__name__}")
    unknown = sorted(str(key) for key in raw if key not in _KEYS)
    if unknown:
        raise ValueError(f"{where}: unknown key {', '.join(unknown)}; known: {', '.join(sorted(_KEYS))}")
    try:
        return _from_mapping(raw)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{where}: {error}") from error


def _from_mapping(raw: Mapping[str, Any]) -> Entry:
    licence = raw.get("licence")
    if licence not in (None, "open", "closed"):
        raise ValueError(f"licence must be open or closed, not {licence!r}")
    return Entry(
        _address(raw),
        licence=licence,
        tags=_tags(raw.get("tags")),
        sections_s=_sections(raw.get("sections")),
        max_seconds=_positive(raw, "max_seconds", float),
        max_bytes=_positive(raw, "max_bytes", int),
        max_entries=_positive(raw, "count", int),
        weight=_positive(raw, "weight", float),
    )


def _address(raw: Mapping[str, Any]) -> str:
    given = [key for key in ("url", "file", "search") if key in raw]
    if len(given) != 1:
        raise ValueError("needs exactly one of url, file, search")
    value = _word(raw[given[0]], given[0])
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


def _positive(raw: Mapping[str, Any], key: str, kind: type) -> Any:
    if raw.get(key) is None:
        return None
    value = kind(raw[key])
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{key} must be a number above 0")
    return value


_VLOG = re.compile(r"[\w-]_[\w-]_[\w-]_v_([\w-]{11})_\d+_?")
_SHORTCODE = re.compile(r"[\w-]{5,64}")


def vlog_entry(line: str) -> Entry | None:
    """The video that a line of vlog_ids.txt was cut from; None for any other line."""
    match = _VLOG.fullmatch(line)
    return Entry(f"https://www.youtube.com/watch?v={match[1]}", tags=("vlog",)) if match else None


def is_instavariety(tree: object) -> bool:
    """Whether parsed JSON is InstaVariety.json, by its first post."""
    return (
        isinstance(tree, list)
        and bool(tree)
        and isinstance(tree[0], Mapping)
        and {"shortcode", "download_tag"} <= tree[0].keys()
    )


def instavariety_entries(posts: Sequence[Any]) -> list[Entry]:
    """Its videos, each with the tag under which it was found. ValueError names a post that is none."""
    return [_post(post, f"post {i + 1}") for i, post in enumerate(posts) if not _is_photo(post)]


def _is_photo(post: Any) -> bool:
    return isinstance(post, Mapping) and post.get("is_video") is False


def _post(post: Any, where: str) -> Entry:
    if not isinstance(post, Mapping):
        raise ValueError(f"{where}: expected a mapping, found {type(post).__name__}")
    code, tag = post.get("shortcode"), post.get("download_tag")
    if not isinstance(code, str) or not _SHORTCODE.fullmatch(code):
        raise ValueError(f"{where}: shortcode {code!r:.40} is no Instagram code")
    # from the code and not from video_link, so that the list cannot name another host
    return Entry(f"https://www.instagram.com/p/{code}", tags=(tag,) if isinstance(tag, str) and tag else ())
