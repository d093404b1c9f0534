"""Reads a YAML file that names the user's own models for a backend.

# mm.yaml, for --backend mmlab:mm.yaml; paths are relative to this file
detector_config: rtmdet_m_640-8xb32_coco-person.py
detector_checkpoint: rtmdet_m.pth
pose_config: rtmpose-m_8xb256-420e_coco-256x192.py
pose_checkpoint: rtmpose-m.pth
"""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import yaml

_FILE_KEYS = ("detector_checkpoint", "pose_checkpoint", "detector", "pose")
_CONFIG_KEYS = ("detector_config", "pose_config")


class _Settings(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


S = TypeVar("S", bound=_Settings)


def read_model_file(kind: type[S], file: Path, **more: Any) -> S:
    """The settings dataclass `kind` from a YAML mapping. `more` are settings that the file need not have, e.g. the
    device. ValueError names the file and the key that is wrong."""
    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{file}: cannot be read as YAML ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file}: is not a mapping of settings")
    known = {f.name: f for f in fields(kind)}
    wrong = sorted(str(key) for key in content if key not in known)
    if wrong:
        raise ValueError(f"{file}: unknown setting {wrong[0]!r}; known are {', '.join(known)}")
    required = {name for name, f in known.items() if f.default is MISSING and f.default_factory is MISSING}
    lacking = sorted(required - content.keys() - more.keys())
    if lacking:
        raise ValueError(f"{file}: the setting {lacking[0]!r} is missing")
    return kind(**{**{key: _value(key, value, file) for key, value in content.items()}, **more})


def _value(key: str, value: Any, file: Path) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, str) or key not in (*_FILE_KEYS, *_CONFIG_KEYS) or "://" in value:
        return value
    place = (file.parent / Path(value).expanduser()).resolve()
    if key in _CONFIG_KEYS:
        return str(place) if place.is_file() else value  # else the name of a config that the library ships
    if not place.is_file():
        raise ValueError(f"{file}: {key}: no such file: {place}")
    return place if key.endswith("_checkpoint") else str(place)
