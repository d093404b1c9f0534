"""Who stands by while another moves."""

from harvest.filters.presets import DEFAULT, HMMR_2019
from harvest.filters.tracks import Run
from harvest.filters.two_people import Candidate, bystanders


def _run(person: int, start: int, stop: int, motion: float) -> Candidate:
    return Candidate(person, Run(0, stop - start), start, stop, motion)


def test_still_beside_a_mover_is_a_bystander() -> None:
    found = [_run(0, 0, 40, 0.1), _run(1, 5, 40, 0.02)]
    rejected = bystanders(found, DEFAULT)
    assert list(rejected) == [(1, 0)]
    why = rejected[1, 0]
    assert (why.reason, why.measured, why.start, why.stop) == ("bystander", 0.02, 0, 35)


def test_alone_or_not_at_the_same_time_or_as_quiet_is_none() -> None:
    assert not bystanders([_run(0, 0, 40, 0.02)], DEFAULT)
    assert not bystanders([_run(0, 0, 40, 0.1), _run(1, 30, 80, 0.02)], DEFAULT)
    assert not bystanders([_run(0, 0, 40, 0.05), _run(1, 0, 40, 0.02)], DEFAULT)
    assert not bystanders([_run(0, 0, 40, 0.2), _run(1, 0, 40, 0.04)], DEFAULT)
    assert not bystanders([_run(0, 0, 40, 0.1), _run(1, 0, 40, 0.0)], HMMR_2019)
