"""A wall-clock limit on a stretch of code, for what may wait for ever (one byte a second defeats socket timeouts)."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

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
    """Inside, the clock of a `time_limit` around it stands still: a wait for a host's slot is not the host's fault."""
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns or raises. Raises TimeIsUp after `seconds` and leaves it behind in a daemon thread: for calls
    into native code, which no signal interrupts."""
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
