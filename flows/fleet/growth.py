"""The lake's growth is announced once, and trained on once.

A mark in the lake (fleet/growth.json) says up to which hours the last announcement went, and which training took it
up. So a failing training is not started again each night, an event that was lost is sent again by the next harvest,
and an event that comes twice, or comes late, starts nothing.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from storage.json_text import BadJsonError, number, read_object
from storage.lake import Lake
from storage.stats import hours_since_training

_ROUNDING_H = 1e-6
"""Sums of the same hours in another order differ in their last digits."""


@dataclass(frozen=True)
class Growth:
    """One announcement: the hours of the lake and the version of its table `tracklets` then."""

    hours: float
    version: int
    taken_by: str | None = None
    """The flow run that trains on it, or that has failed to; None: no training has heard of it."""


def last_growth(lake: Lake) -> Growth | None:
    """The last announcement; None if there was none, or if its mark cannot be read."""
    try:
        content = read_object(lake.disk.read(_mark(lake)).decode())
        taken_by = content.get("taken_by")
        return Growth(
            number(content["hours"]), int(number(content["version"])), None if taken_by is None else str(taken_by)
        )
    except (FileNotFoundError, BadJsonError, KeyError, UnicodeDecodeError):
        return None


def announce_growth(lake: Lake, grow_hours: float, send: Callable[[Growth], object]) -> Growth | None:
    """Call `send` if the lake has grown by `grow_hours` since the last training and since the last announcement that a
    training took up; returns what was announced. The mark is written first: what is sent is known here."""
    version = lake.version("tracklets")
    new = hours_since_training(lake)
    total = _total_hours(lake)
    last = last_growth(lake)
    if last is not None and last.taken_by is not None:
        new = min(new, total - last.hours)
    if new + _ROUNDING_H < grow_hours or version < 0:
        return None
    growth = Growth(total, version)
    _write(lake, growth)
    send(growth)
    return growth


def take_up(lake: Lake, version: int, run_id: str) -> bool:
    """Whether this flow run is to train on the growth up to `version`. False if another has taken that up already.
    The run that took it up may ask again (a retry)."""
    last = last_growth(lake)
    if last is not None and last.taken_by not in (None, run_id) and last.version >= version:
        return False
    newest = last if last is not None and last.version >= version else Growth(_total_hours(lake), version)
    _write(lake, Growth(newest.hours, newest.version, run_id))
    return True


def _total_hours(lake: Lake) -> float:
    return float(sum(lake.read("tracklets", ["seconds"]).column("seconds").to_pylist())) / 3600


def _write(lake: Lake, growth: Growth) -> None:
    lake.disk.make_folder(f"{lake.root}/fleet")
    lake.disk.write(_mark(lake), json.dumps(asdict(growth)).encode())


def _mark(lake: Lake) -> str:
    return f"{lake.root}/fleet/growth.json"
