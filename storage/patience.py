"""A server that is away for a while is waited for: said once, tried again at growing intervals, given up at last."""

import logging
import os
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from storage.errors import ServiceAway

PATIENCE_VARIABLE = "HMMR_PATIENCE_S"
"""Environment variable with the seconds that an absent PostgreSQL or S3 server is waited for."""

DEFAULT_PATIENCE_S = 1800.0
"""A restart, a failover or an hour's maintenance announced as half an hour; a night's outage ends the run."""

_FIRST_S, _LONGEST_S = 0.2, 10.0
"""Wait after the first failed try, doubled each time up to the longest."""

_log = logging.getLogger(__name__)
_away: dict[str, float] = {}
"""Services that do not answer now, and since when (monotonic seconds): all threads of a process say it once."""
_lock = threading.Lock()

Result = TypeVar("Result")


def patience_s() -> float:
    """Seconds that an absent server is waited for: $HMMR_PATIENCE_S, or half an hour. ServiceAway names a bad value."""
    configured = os.environ.get(PATIENCE_VARIABLE)
    try:
        return DEFAULT_PATIENCE_S if not configured else float(configured)
    except ValueError as error:
        raise ServiceAway(f"{PATIENCE_VARIABLE}={configured} is no number of seconds") from error


def patiently(attempt: Callable[[], Result], is_away: Callable[[BaseException], bool], service: str) -> Result:
    """`attempt()`, again and again while it fails with an error that `is_away` says is the server's absence.

    The attempt must do no harm if it is made again after it took effect unseen. ServiceAway after `patience_s`.
    """
    began, wait = time.monotonic(), _FIRST_S
    while True:
        try:
            result = attempt()
        except Exception as error:
            if not is_away(error):
                raise
            reason = _first_line(error)
            limit = patience_s()
            if time.monotonic() - began + wait > limit:
                raise ServiceAway(
                    f"{service} has not answered for {limit / 60:.0f} minutes ({reason}); run again when it does: "
                    "what is not finished is done then"
                ) from error
            _say_away(service, reason, limit)
            time.sleep(wait * random.uniform(0.7, 1.0))
            wait = min(2 * wait, _LONGEST_S)
        else:
            _say_back(service)
            return result


def _say_away(service: str, reason: str, limit: float) -> None:
    with _lock:
        if service in _away:
            return
        _away[service] = time.monotonic()
    _log.warning("%s does not answer (%s); waiting for up to %.0f minutes", service, reason, limit / 60)


def _say_back(service: str) -> None:
    if service not in _away:
        return
    with _lock:
        since = _away.pop(service, None)
    if since is not None:
        _log.warning("%s answers again after %.0f s", service, time.monotonic() - since)


def _first_line(error: BaseException) -> str:
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return lines[0][:200] if lines else type(error).__name__
