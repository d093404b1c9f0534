"""JSON that a stranger may have written: read without a way to bring the reader down.

Python's own reader fails on such text in many ways (broken text, a number of too many digits, brackets nested deeper
than it follows, bytes that are no text, no text at all), and lets half a character through, which no file can hold.
Here all of that is one BadJsonError.
"""

import json
import math
import re
from typing import Any

MISFIT = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What it can raise to use a JSON value that is not of the shape that was expected: a row is left out for these."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


class BadJsonError(ValueError):
    """The text is no JSON value of the kind that was asked for."""


def read_json(text: str | bytes | None) -> Any:
    """The value of a text. BadJsonError for anything else; NaN and Infinity, which Python writes, are floats."""
    try:
        decoded = text.decode() if isinstance(text, bytes) else text or ""
        value = json.loads(decoded)
        if _SURROGATE.search(decoded):
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError:
        raise BadJsonError("brackets nested too deep") from None
    except (ValueError, TypeError) as error:
        raise BadJsonError(f"no JSON: {error}") from error


def read_object(text: str | bytes | None) -> dict[str, Any]:
    """The value of a text that holds an object. BadJsonError for anything else."""
    value = read_json(text)
    if not isinstance(value, dict):
        raise BadJsonError(f"a JSON {type(value).__name__} where an object is expected")
    return value


def number(value: Any) -> float:
    """A finite number of a JSON value, as a float. BadJsonError for words, booleans, NaN, what no float can hold."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise BadJsonError(f"no finite number, but {type(value).__name__}")


def word(value: Any) -> str:
    """A JSON value that is a text. BadJsonError for anything else."""
    if not isinstance(value, str):
        raise BadJsonError(f"no text, but {type(value).__name__}")
    return value
