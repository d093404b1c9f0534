"""Classifies a host's words about a licence. Only exact identifiers and addresses count; all else is unknown.

The whole text is compared: "Not Creative Commons, all rights reserved" and "public domain: NO" contain the names of
open licences but are none. An identifier is SPDX's (spdx.org/licenses) or Creative Commons' own short name, which is
the same with spaces; an address is that of the licence's own text.
"""

import re
from typing import Literal

Licence = Literal["open", "nc", "nd", "nc-nd", "closed", "unknown"]

ASKED_FOR: tuple[Licence, ...] = ("nc", "nd", "nc-nd")
"""Licences that are taken only where the user asks for them: not for commercial use, no derivatives (labels may be
one), or both."""

_VERSION = r"(?:1\.0|2\.0|2\.1|2\.5|3\.0|4\.0)"
_CC = re.compile(
    rf"cc[ -]by(?P<nc>-nc)?(?:-sa|(?P<nd>-nd))?[ -]{_VERSION}(?:[ -](?:[a-z]{{2,3}}|igo|international|unported))?"
)
_CC_URL = re.compile(
    r"(?:https?:)?//(?:www\.)?creativecommons\.org/licenses/by(?P<nc>-nc)?(?:-sa|(?P<nd>-nd))?/"
    rf"{_VERSION}(?:/(?:[a-z]{{2,3}}|igo|scotland))?/?(?:(?:deed|legalcode)(?:\.[a-z-]{{2,7}})?)?"
)
_OPEN = frozenset({
    "cc0-1.0", "cc0 1.0", "cc0 1.0 universal", "cc-pdm-1.0", "pddl-1.0", "odc-by-1.0", "cdla-permissive-1.0",
    "cdla-permissive-2.0", "unlicense", "wtfpl", "0bsd", "mit", "mit-0", "isc", "apache-2.0", "bsd-2-clause",
    "bsd-3-clause", "zlib", "bsl-1.0", "mpl-2.0", "lal-1.2", "lal-1.3", "ogl-uk-1.0", "ogl-uk-2.0", "ogl-uk-3.0",
    "ogl-canada-2.0", "etalab-2.0", "dl-de-by-2.0", "dl-de-zero-2.0",
    *(f"{name}{end}" for name in ("gfdl-1.1", "gfdl-1.2", "gfdl-1.3", "gpl-2.0", "gpl-3.0", "lgpl-2.1", "lgpl-3.0")
      for end in ("", "-only", "-or-later")),
    # word for word what YouTube shows for CC BY 3.0, and Creative Commons' name of its mark
    "creative commons attribution license (reuse allowed)", "public domain mark 1.0",
})  # fmt: skip
_OPEN_URL = re.compile(
    r"(?:https?:)?//(?:www\.)?(?:"
    r"creativecommons\.org/publicdomain/(?:zero|mark)/1\.0/?(?:(?:deed|legalcode)(?:\.[a-z-]{2,7})?)?"
    r"|opensource\.org/licenses?/(?:mit|apache-2\.0|bsd-2-clause|bsd-3-clause|isc)/?"
    r"|opendatacommons\.org/licenses/(?:pddl|by)(?:/1[.-]0)?/?|artlibre\.org/licence/lal(?:/en)?/?)"
)
_CLOSED = frozenset({
    "all rights reserved", "all rights reserved.", "standard", "standard license", "standard youtube license",
    "proprietary",
})  # fmt: skip


def classify_licence(stated: str | None) -> Licence:
    """The class of what a host states. None, and words that are not exactly known, are unknown."""
    words = " ".join(stated.split()).lower() if isinstance(stated, str) else ""
    if words in _OPEN or _OPEN_URL.fullmatch(words):
        return "open"
    creative_commons = _CC.fullmatch(words) or _CC_URL.fullmatch(words)
    if creative_commons is None:
        return "closed" if words in _CLOSED else "unknown"
    nc, nd = creative_commons["nc"], creative_commons["nd"]
    return "nc-nd" if nc and nd else "nc" if nc else "nd" if nd else "open"
