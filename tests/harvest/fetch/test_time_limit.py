"""A wall-clock limit."""

import threading
import time

import pytest

from harvest.fetch.pace import TimeIsUp, time_limit


def test_ends_what_waits_and_leaves_no_alarm_behind() -> None:
    began = time.monotonic()
    with pytest.raises(TimeIsUp), time_limit(0.1):
        time.sleep(30)
    assert time.monotonic() - began < 20
    with time_limit(0.2):
        pass
    time.sleep(0.3)


def test_is_not_an_ordinary_exception() -> None:
    assert not issubclass(TimeIsUp, Exception)


def test_no_limit_outside_the_main_thread() -> None:
    done: list[bool] = []

    def work() -> None:
        with time_limit(0.01):
            time.sleep(0.1)
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
