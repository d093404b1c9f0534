"""docs/schema.md, made from the schemas: `hmmr lake schema > docs/schema.md`."""

import pyarrow as pa

from storage.schema import FILM_TRUTH, MEANINGS, SCHEMA_VERSION, TABLES

_HEAD = f"""# The tables of a lake

Made by `hmmr lake schema` from `storage/schema.py`; a test holds the two together. Schema version {SCHEMA_VERSION}.

Each table is a Delta table `LAKE/<table>`: plain Parquet inside (zstd, byte-stream-split floats). T is the number of
frames of a row. Delta keeps no fixed list lengths; those in brackets are checked at every append. Nothing that names a
source lies in the Delta log, so that erasing rewrites files only.
"""


def schema_markdown() -> str:
    """The whole page."""
    parts = [_HEAD, *(_table(name, schema, MEANINGS[name]) for name, schema in TABLES.items())]
    film = "Beside each film, FILM.truth.parquet; film-level facts are JSON under the key `film` of its metadata."
    return "\n".join([*parts, _table("film truth", FILM_TRUTH, film)])


def _table(name: str, schema: pa.Schema, meaning: str) -> str:
    lines = [f"## {name}", "", meaning, "", "| column | type | meaning |", "|---|---|---|"]
    return "\n".join([*lines, *(_row(field) for field in schema)]) + "\n"


def _row(field: pa.Field) -> str:
    kind = str(field.type).replace("item: ", "").replace("element: ", "")
    width = (field.metadata or {}).get(b"width")
    kind += f" [{width.decode()}]" if width else ""
    kind += " or null" if field.nullable else ""
    meaning = field.metadata[b"meaning"].decode().replace("|", "\\|")
    return f"| `{field.name}` | {kind} | {meaning} |"
