import pytest

from dashboard.markup import hours_text, number
from dashboard.panels.curve import direction, seeds_say
from dashboard.studies import Curve, Point


def test_two_seeds_claim_no_interval() -> None:
    assert "1 of 4 cases" in seeds_say(2)
    assert "cannot give an interval" in seeds_say(2)
    assert "cannot give an interval" not in seeds_say(3)
    assert "1 of 2 cases" in seeds_say(1)
    assert "nothing can be said" in seeds_say(0)


def test_direction_counts_paired_seeds() -> None:
    points = ((0.0, 0, 100.0), (0.0, 1, 90.0), (1.0, 0, 80.0), (1.0, 1, 91.0))
    curve = Curve("s", "phi", "semi", tuple(Point(h, seed, value, "r") for h, seed, value in points))
    assert direction(curve) == "s · phi: -9.5 (-10.0 %) from 0 to 1 h; lower in 1 of 2 seeds."


@pytest.mark.parametrize(
    ("hours", "text"), [(0, "0"), (0.001, "3.6 s"), (0.05, "3 min"), (1, "1 h"), (2.54, "2.54 h"), (1234, "1.23e+03 h")]
)
def test_hours_in_words(hours: float, text: str) -> None:
    assert hours_text(hours) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1234567, "1,234,567"), (3.14159, "3.14"), (101.26, "101.3"), (float("nan"), "–"), (0.5, "0.5")]
)
def test_numbers_in_tables(value: float, text: str) -> None:
    assert number(value) == text
