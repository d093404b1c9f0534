"""Keeps requests to each host within one budget, which the ledger holds for all workers and machines, and obeys a
host that asks to come back later (Retry-After).

An item counts towards its host's daily budget when it is claimed. Each of its requests takes the host's next slot when
it is sent: the look-up of a list, robots.txt, a redirect, the file itself. A run waits out a short pause; a long
one leaves the host's other items pending, and the run goes on with other hosts.

`time_limit` and `within` limit the wall-clock time of code that could wait for ever: one byte a second
defeats socket timeouts.
"""

import http.client
import ipaddress
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

from harvest.errors import Banned, HarvestError, RateLimited
from harvest.identity import S3, host_of
from harvest.sources.expand import Source
from storage.errors import HostClosed
from storage.ledger.ledger import Ledger


@dataclass(frozen=True)
class PaceConfig:
    """Limits on the requests to one host."""

    interval_s: float = 1.0
    """Least time between two requests to a public host."""
    per_day: int | None = 2000
    """Most items a day of one host; yt-dlp's wiki gives guests of the largest one about 300 videos an hour."""
    patience_s: float = 60.0
    """A host that is closed up to this long is waited for; a longer ban ends the item's turn in this run."""
    tries: int = 3
    """How often one run tries an item whose waits are short."""
    own_hosts: bool = False
    """Whether loopback and private addresses have a budget too."""


class Pace:
    """Counts items against their host's day, holds each request until the host's next slot, and records bans."""

    def __init__(self, ledger: Ledger, config: PaceConfig) -> None:
        self._hosts, self._config = ledger.hosts, config
        self._limited: set[str] = set()

    @classmethod
    def of(cls, ledger_url: str, config: PaceConfig) -> "Pace":
        """Opens the ledger, for a process that has none open yet."""
        return cls(Ledger(ledger_url), config)

    def wait_s(self, source: Source) -> float:
        """Count a source towards its host's daily budget. Returns the seconds until it may start: 0 for files, for S3,
        which is built for fast reads, and for addresses of the user's own network. HostClosed if the wait is longer
        than `patience_s`."""
        if not source.is_url or source.problem is not None or not self._limit(source.host):
            return 0.0
        return self._hosts.admit(source.host, self._config.patience_s)

    def note(self, source: Source, error: HarvestError) -> None:
        """Closes a host that asked to wait, for all workers: the host that answered, not one that redirects to it."""
        host = error.host or (source.host if source.is_url else None)
        if isinstance(error, RateLimited | Banned) and error.retry_after_s and host:
            self._hosts.ban(host, self._hosts.clock() + error.retry_after_s)

    @contextmanager
    def request(self, item: str, url: str) -> Iterator[None]:
        """Waits for a slot of the URL's host; inside, one request goes out. Each redirect that it brings waits for a
        slot too. RateLimited, in the name of `item`, if the host has been closed for long meanwhile; as the cause of a
        RequestError, if it is one that a redirect leads to.

        The wait is before the connection is made, since a host may hang up on one that stays silent; that the slot
        still holds, and that there is a next hop, is seen when a request line is written. Process-wide, like the
        address guard.
        """
        host = host_of(url)
        self._await_slot(item, host)
        plain, hops = http.client.HTTPConnection.putrequest, [(host, time.monotonic())]

        def putrequest(connection: http.client.HTTPConnection, *args: Any, **kwargs: Any) -> None:
            (before, granted), here = hops[-1], connection.host.strip("[]").lower()
            self._answered(before)
            if len(hops) > 1 or time.monotonic() - granted > _HOLDS * self._config.interval_s:
                self._await_inside(item, here)
            hops.append((here, time.monotonic()))
            plain(connection, *args, **kwargs)

        http.client.HTTPConnection.putrequest = putrequest  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            http.client.HTTPConnection.putrequest = plain  # type: ignore[method-assign]
            self._answered(hops[-1][0])

    def _await_slot(self, item: str, host: str) -> None:
        try:
            while self._limit(host) and (wait := self._hosts.slot(host, self._config.patience_s)) > 0:
                with time_stopped():
                    time.sleep(wait)
        except HostClosed as closed:
            raise RateLimited(item, str(closed), retry_after_s=closed.wait_s, host=host) from closed

    def _await_inside(self, item: str, host: str) -> None:
        try:
            self._await_slot(item, host)
        except RateLimited as closed:
            from yt_dlp.networking.exceptions import RequestError

            # yt-dlp takes an exception of a foreign class for a fault of its HTTP library, and asks by another one
            raise RequestError(cause=closed) from closed

    def _answered(self, host: str) -> None:
        if self._limit(host):
            self._hosts.answered(host)

    def _limit(self, host: str) -> bool:
        """Whether a host has a budget. The first time, its limits are written to the ledger."""
        if not host or host.startswith(_BUCKET) or self._is_own(host):
            return False
        if host not in self._limited:
            self._hosts.limit(host, interval_s=self._config.interval_s, per_day=self._config.per_day)
            self._limited.add(host)
        return True

    def _is_own(self, host: str) -> bool:
        """Whether the host is a private or loopback address. A name counts as a public host."""
        if self._config.own_hosts:
            return False
        try:
            return not ipaddress.ip_address(host).is_global
        except ValueError:
            return host == "localhost"


_BUCKET = host_of(S3)
_HOLDS = 0.9
"""Share of the interval for which a granted slot stays valid; later another worker may have the next slot."""


T = TypeVar("T")


class TimeIsUp(BaseException):
    """BaseException, so that a library's `except Exception` cannot swallow it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TimeIsUp inside after `seconds`. Only a process's main thread can have one; elsewhere it is a no-op
    and the parent's own deadline for the worker is what ends it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def time_stopped() -> Iterator[None]:
    """Stops the clock of the `time_limit` around it: waiting for a host's slot does not count against the download."""
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)


def within(seconds: float, work: Callable[[], T]) -> T:
    """Runs `work` in a daemon thread and returns or raises what it does. Raises TimeIsUp after `seconds`; the thread is
    left running. For native code, which no signal interrupts."""
    ended: list[T] = []
    failed: list[BaseException] = []

    def do() -> None:
        try:
            ended.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    thread.join(max(0.0, seconds))
    if failed:
        raise failed[0]
    if not ended:
        raise TimeIsUp
    return ended[0]
