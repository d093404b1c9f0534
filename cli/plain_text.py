"""What strangers wrote, for a terminal: hosts, licences and reasons of a lake may hold anything."""

import json


def plain(text: str) -> str:
    """The same text with everything that a terminal would act on written as JSON escapes it; line ends stay, and JSON
    stays the JSON that it was."""
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
