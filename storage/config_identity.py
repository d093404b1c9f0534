"""What of a configuration decides an id, so that a new setting with a harmless default changes none.

Label keys, run ids and film digests are hashes of configurations. The fields that the configurations had when the
first ids were made are hashed in full. A field that came later is declared with `added_field`, which records what the
code did before the field existed; it is hashed only where its value differs from that record. So a lake, a study and a
checkpoint made before the field keep their ids, and a default that changes later is hashed like any other value.
"""

from dataclasses import MISSING, Field, field, fields, is_dataclass
from typing import Any

_ABSENT = "absent"


def added_field(default: Any, *, absent: Any = MISSING) -> Any:
    """A dataclass field that did not exist when the first ids were made.

    Args:
        default: The field's default, today.
        absent: What the code did before the field existed; `default` if it is not given. Never change it: ids of
            configurations without the field depend on it. If `default` changes later, write the old one here.
    """
    return field(default=default, metadata={_ABSENT: default if absent is MISSING else absent})


def absent_values(kind: Any) -> dict[str, Any]:
    """Name and recorded value of each field of a dataclass that was declared with `added_field`."""
    return {one.name: one.metadata[_ABSENT] for one in fields(kind) if _ABSENT in one.metadata}


def identity(config: Any) -> dict[str, Any]:
    """`dataclasses.asdict` of a configuration without the later fields that hold their recorded value.

    Two configurations that do the same have the same identity, whether or not a later field was known when one of them
    was hashed. Lists and dictionaries of configurations are walked as `asdict` walks them.
    """
    return {one.name: _plain(getattr(config, one.name)) for one in fields(config) if not _is_absent(one, config)}


def _is_absent(one: "Field[Any]", config: Any) -> bool:
    if _ABSENT not in one.metadata:
        return False
    value, recorded = getattr(config, one.name), one.metadata[_ABSENT]
    return type(value) is type(recorded) and bool(value == recorded)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return identity(value)
    if isinstance(value, tuple | list):
        return type(value)([_plain(item) for item in value])
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value
