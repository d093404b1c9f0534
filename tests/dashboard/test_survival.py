from datetime import UTC, datetime, timedelta

import pytest

from dashboard.panels.sources import Life, lives, survival

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_kaplan_meier_by_hand() -> None:
    # 5 at risk when the first goes at day 10, one is last seen at 15, then 3 at risk when the next goes at day 20.
    found = [Life(10, True), Life(15, False), Life(20, True), Life(30, False), Life(30, False)]
    assert survival(found) == [(0.0, 1.0), (10, pytest.approx(0.8)), (20, pytest.approx(0.8 * 2 / 3)),
                               (30, pytest.approx(0.8 * 2 / 3))]  # fmt: skip
    assert survival([]) == [(0.0, 1.0)]


def test_a_source_is_gone_from_the_first_look_that_misses_it() -> None:
    harvested = dict.fromkeys("abc", START)
    looks = [("a", 5, True), ("a", 9, False), ("a", 12, False), ("b", 7, True), ("b", 8, True), ("unknown", 1, False)]
    probes = [{"source_id": s, "probed_at": START + timedelta(days=d), "alive": alive} for s, d, alive in looks]
    assert lives(harvested, probes) == [Life(9.0, True), Life(8.0, False)]
