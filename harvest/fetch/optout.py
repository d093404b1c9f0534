"""The opt-out list: addresses, hosts, uploaders and item ids that are never fetched, and why-lines for the ledger.

A text file, one wish a line: `host example.org`, `uploader @name`, `url https://...` (with or without the word
`url`; a trailing * matches a prefix), `id 3f2a...` (an item id, as `hmmr lake erase` prints it). # starts a comment.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from harvest.identity import canonical_address

_KINDS = ("host", "uploader", "url", "id")


@dataclass(frozen=True)
class OptOutList:
    """Parsed wishes, as (kind, text) pairs in canonical form."""

    wishes: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def load(cls, path: Path) -> "OptOutList":
        """Read a list. ValueError names the line that is wrong: a wish that is not understood must not be dropped."""
        wishes = set()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            wish = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
            if wish:
                try:
                    wishes.add(_parse(wish))
                except ValueError as error:
                    raise ValueError(f"{path}:{number}: {error}") from error
        return cls(frozenset(wishes))

    def match(self, *, url: str = "", host: str = "", uploader: str = "", content_id: str = "") -> str | None:
        """The wish that covers any of these, as text for the ledger; None if there is none."""
        for kind, text in sorted(self.wishes):
            if _covers(kind, text, url=url, host=host, uploader=uploader.lower(), content_id=content_id):
                return f"{kind} {text}"
        return None


def _parse(line: str) -> tuple[str, str]:
    kind, _, text = line.partition(" ")
    if kind not in _KINDS:
        kind, text = "url", line
    text = text.strip()
    if not text:
        raise ValueError(f"nothing after {kind!r}")
    if kind == "url":
        prefix = text.endswith("*")
        return kind, canonical_address(text.rstrip("*")) + ("*" if prefix else "")
    return kind, text.lower()


def _covers(kind: str, text: str, *, url: str, host: str, uploader: str, content_id: str) -> bool:
    if kind == "host":
        return host == text or host.endswith("." + text)
    if kind == "uploader":
        return uploader.lstrip("@") == text.lstrip("@") and bool(uploader)
    if kind == "id":
        return content_id.lower() == text
    return url.startswith(text[:-1]) if text.endswith("*") else url == text
