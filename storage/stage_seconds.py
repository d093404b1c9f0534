"""videos.stage_seconds: what each stage of labelling a video took."""

from typing import Any

from storage.json_text import BadJsonError, number, read_object


def stage_seconds(text: str | None) -> dict[str, dict[str, float]]:
    """{stage: {wall | cpu | gpu: seconds}} of a row; a plain number counts as wall time. What is no number of seconds
    is passed over: a lake may come from anybody."""
    try:
        content = read_object(text)
    except BadJsonError:
        return {}
    spent = {stage: _seconds(value if isinstance(value, dict) else {"wall": value}) for stage, value in content.items()}
    return {stage: parts for stage, parts in spent.items() if parts}


def _seconds(parts: dict[str, Any]) -> dict[str, float]:
    made = {}
    for kind, value in parts.items():
        try:
            made[kind] = number(value)
        except BadJsonError:
            continue
    return made
