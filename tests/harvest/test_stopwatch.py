"""Seconds by stage: of the thread that is in it, with the processes that it waits for where that is asked."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from harvest.video.overlap import Stopwatch

BURN = "import time\nwhile time.process_time() < 0.3: pass"


def burn(cpu_seconds: float) -> None:
    end = time.thread_time() + cpu_seconds
    while time.thread_time() < end:
        pass


def test_a_stage_has_its_own_threads_time_only() -> None:
    """One thread sleeps in a stage while another works in one."""
    watch = Stopwatch()

    def work() -> None:
        with watch.stage("works"):
            burn(0.1)

    with watch.stage("waits"):
        other = threading.Thread(target=work)
        other.start()
        other.join()
    spent = watch.rounded()
    assert 0.1 <= spent["works"]["cpu"] < 0.15
    assert spent["waits"]["cpu"] < 0.05
    assert spent["waits"]["wall"] >= spent["works"]["wall"] >= 0.1


def test_processes_count_where_they_are_waited_for() -> None:
    watch = Stopwatch()
    for name, children in (("own", False), ("all", True)):
        with watch.stage(name, children=children):
            subprocess.run([sys.executable, "-c", BURN], check=True)
    assert watch.seconds["own"]["cpu"] < 0.2
    assert watch.seconds["all"]["cpu"] >= 0.3


def test_times_of_one_stage_add_up() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage("pose"):
            burn(0.02)
    assert 0.04 <= watch.seconds["pose"]["cpu"] < 0.06


def test_an_iterator_is_timed_item_by_item() -> None:
    watch = Stopwatch()

    def slow() -> Iterator[int]:
        for n in range(3):
            burn(0.02)
            yield n

    items = []
    for item in watch.iterate("make", slow()):
        items.append(item)
        burn(0.1)
    assert items == [0, 1, 2]
    assert 0.06 <= watch.seconds["make"]["cpu"] < 0.1
