"""Names inside the text columns of a table, replaced."""

from collections.abc import Mapping

import pyarrow as pa


def replace_cells(
    table: pa.Table, anywhere: Mapping[str, str], whole: Mapping[str, str] | None = None
) -> tuple[pa.Table, int]:
    """The table with names replaced inside text (`anywhere`) and as whole cells (`whole`), and the rows changed."""
    changed_rows: set[int] = set()
    for place, field in enumerate(table.schema):
        if not pa.types.is_string(field.type):
            continue
        old = table.column(place).to_pylist()
        new = [_cell(text, anywhere, whole or {}) for text in old]
        differing = {i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b}
        if differing:
            changed_rows |= differing
            table = table.set_column(place, field, pa.chunked_array([pa.array(new, field.type)]))
    return table, len(changed_rows)


def _cell(text: str | None, anywhere: Mapping[str, str], whole: Mapping[str, str]) -> str | None:
    if text is None:
        return None
    if text in whole:
        return whole[text]
    return replaced(text, anywhere) if any(name in text for name in anywhere) else text


def replaced(text: str, names: Mapping[str, str]) -> str:
    """`text` with every name replaced, the longest first, so that a name inside another does no harm."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    return text
