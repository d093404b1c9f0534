"""Threads beside the caller: order, errors, bounds, and that none outlives its context."""

import json
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from harvest.config import LabelConfig
from harvest.fetch.policy import Policy, Verdict
from harvest.label import Labeller
from harvest.phi.protocol import Phi
from harvest.sources.expand import expand
from harvest.video.overlap import Overlap, threads_each


def alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("overlap")]


@pytest.mark.parametrize("threads", [1, 2])
def test_items_come_in_order_and_tasks_run_in_order(threads: int) -> None:
    done: list[int] = []
    with Overlap(threads) as overlap:
        for n in overlap.ahead(iter(range(100))):
            overlap.behind(lambda n=n: done.append(n))  # type: ignore[misc]
        overlap.wait()
    assert done == list(range(100))
    assert not alive()


def test_two_threads_are_two_threads() -> None:
    """Task and caller meet at a barrier, which they could not in one thread."""
    meeting = threading.Barrier(2, timeout=5)
    with Overlap(2) as overlap:
        overlap.behind(lambda: print(meeting.wait()))
        meeting.wait()
        overlap.wait()


@pytest.mark.parametrize("threads", [1, 2])
def test_both_return_in_order_and_an_error_of_either_is_raised(threads: int) -> None:
    def fails() -> int:
        raise ValueError("no memory left")

    with Overlap(threads) as overlap:
        assert overlap.both(lambda: 1, lambda: 2) == (1, 2)
        for tasks in ((fails, lambda: 2), (lambda: 1, fails)):
            with pytest.raises(ValueError, match="no memory left"):
                overlap.both(*tasks)
    assert not alive()


def test_both_are_beside_each_other() -> None:
    meeting = threading.Barrier(2, timeout=5)
    with Overlap(2) as overlap:
        assert sorted(overlap.both(meeting.wait, meeting.wait)) == [0, 1]


def test_no_more_is_made_than_is_asked_for_soon() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for n in range(1000):
            made.append(n)
            yield n

    with Overlap(2) as overlap:
        taken = overlap.ahead(items())
        assert next(taken) == 0
        time.sleep(0.3)
        assert len(made) <= 11
    assert not alive()
    assert len(made) <= 12


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_of_the_maker_comes_after_the_items_before_it(threads: int) -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise ValueError("cut off")

    got: list[int] = []

    def run() -> None:
        with Overlap(threads) as overlap:
            got.extend(overlap.ahead(items()))

    with pytest.raises(ValueError, match="cut off"):
        run()
    assert got == [0, 1, 2]
    assert not alive()


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_of_a_task_is_raised_by_the_next_call(threads: int) -> None:
    def task() -> None:
        raise ValueError("no memory left")

    def run() -> None:
        with Overlap(threads) as overlap:
            overlap.behind(task)
            overlap.wait()

    with pytest.raises(ValueError, match="no memory left"):
        run()
    assert not alive()


def test_an_interrupted_caller_leaves_no_thread() -> None:
    """Ctrl-C in the middle of a video: the maker is waiting to hand over, a task is running."""
    began = threading.Event()

    def task() -> None:
        began.set()
        time.sleep(0.2)

    def run() -> None:
        with Overlap(2) as overlap:
            for _ in overlap.ahead(iter(range(10_000))):
                overlap.behind(task)
                began.wait(5)
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert not alive()


def test_cores_are_shared_out_among_the_workers_that_have_an_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert threads_each(None, workers=2, items=1) == 8
    assert threads_each(None, workers=2, items=100) == 4
    assert threads_each(None, workers=8, items=100) == 1
    assert threads_each(None, workers=32, items=100) == 1
    assert threads_each(1, workers=2, items=1) == 1


def test_labels_are_the_same_with_two_threads(
    paint: Callable[..., np.ndarray], film: Callable[..., Path], rectangles: type, box_phi: Phi
) -> None:
    """φ of three batches and more, a shot that ends in the middle of one, and a second shot."""
    frames = [paint({0: (10 + 3 * n, 60 + 20 * np.sin(n / 5)), 1: (200 - n, 150)}) for n in range(70)]
    path = film([*frames, *[255 - frame for frame in frames[:3]], *frames[:40]])
    (source,) = expand([path])
    verdict = Verdict("open", {"why": "test"})
    one, two = (
        Labeller(rectangles(), [box_phi], LabelConfig(), Policy(), threads=threads).label(path, source, verdict)
        for threads in (1, 2)
    )
    assert sum(row["n_frames"] for row in one.rows["tracklets"]) > 150
    for row in (one.rows["videos"][0], two.rows["videos"][0]):
        assert {"decode", "people", "pose", "phi", "open"} == set(json.loads(row.pop("stage_seconds")))
    assert pickle.dumps(one.rows) == pickle.dumps(two.rows)
    assert not alive()


def test_a_phi_that_fails_behind_fails_its_video(
    paint: Callable[..., np.ndarray], film: Callable[..., Path], rectangles: type, box_phi: Phi, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no room for a crop")

    box_phi.features = broken  # type: ignore[assignment, method-assign]
    path = film([paint({0: (10 + n, 60 + 20 * np.sin(n / 5))}) for n in range(120)])
    (source,) = expand([path])
    labeller = Labeller(rectangles(), [box_phi], LabelConfig(), Policy(), cache=tmp_path / "cache", threads=2)
    with pytest.raises(MemoryError, match="no room"):
        labeller.label(path, source, Verdict("open", {"why": "test"}))
    assert not alive()
    assert not [each for each in (tmp_path / "cache").rglob("*") if each.is_file()]
