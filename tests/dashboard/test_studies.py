"""Curves from rows of scores: what counts, the share of the gap, and which series come first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.studies import Setting, ceiling_of, curves, gap_closed, main_series, rank, settings, shown_first

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FILMS = Setting("films", "test", "open_v1", "pa_mpjpe_mm")


def row(variant: str, hours: float, seed: int, value: float, **other: Any) -> dict[str, Any]:
    base = {"study": "s", "phi_name": "phi", "dataset": "films", "split": "test", "protocol": "open_v1",
            "metric": "pa_mpjpe_mm", "sequence": "*macro", "run_id": "r", "scored_at": NOW}  # fmt: skip
    return {**base, "variant": variant, "hours": hours, "seed": seed, "value": value, **other}


ROWS = [
    row("semi", 0.0, 0, 120.0), row("semi", 0.0, 1, 100.0), row("semi", 1.0, 0, 100.0), row("semi", 1.0, 1, 80.0),
    row("ceiling", 1.0, 0, 70.0), row("ceiling", 1.0, 1, 70.0), row("ceiling", 0.5, 0, 90.0),
]  # fmt: skip


def test_means_and_share_of_the_gap() -> None:
    lines = curves(ROWS, FILMS)
    semi = next(line for line in lines if line.variant == "semi")
    assert [semi.mean(hours) for hours in semi.hours] == [110.0, 90.0]
    # (110 - 90) / (110 - 70): the ceiling at half the hours does not count.
    assert gap_closed(semi, ceiling_of(semi, lines)) == pytest.approx(0.5)


def test_a_share_without_meaning_is_none() -> None:
    semi = next(line for line in curves(ROWS, FILMS) if line.variant == "semi")
    worse = [row("ceiling", 1.0, 0, 130.0)]
    assert gap_closed(semi, None) is None
    assert gap_closed(semi, ceiling_of(semi, curves(worse, FILMS))) is None
    only_film = curves([row("semi", 1.0, 0, 90.0), row("ceiling", 1.0, 0, 70.0)], FILMS)
    assert gap_closed(only_film[1], ceiling_of(only_film[1], only_film)) is None


def test_a_second_scoring_replaces_the_first() -> None:
    again = [*ROWS, row("semi", 1.0, 0, 60.0, scored_at=NOW + timedelta(hours=1))]
    semi = next(line for line in curves(again, FILMS) if line.variant == "semi")
    assert semi.mean(1.0) == 70.0


def test_protocols_are_never_mixed() -> None:
    other = [row("semi", 0.0, 0, 1.0, protocol="other_v1"), row("semi", 0.0, 0, 1.0, sequence="film 3")]
    assert settings(other) == [Setting("films", "test", "other_v1", "pa_mpjpe_mm")]
    assert len(curves([*ROWS, *other], FILMS)[1].points) == 4


NOW = datetime(2026, 11, 22, tzinfo=UTC)


def semi_row(study: str, minute: int, variant: str = "semi") -> dict[str, Any]:
    return {"study": study, "variant": variant, "scored_at": NOW + timedelta(minutes=minute)}


def test_the_main_series_is_the_one_that_was_scored_first() -> None:
    rows = [
        semi_row("a/steps", 2),
        semi_row("a/epochs", 3),
        semi_row("a/candidates", 1, "candidate"),
        semi_row("a/steps", 9),
    ]
    rows += [
        semi_row("b/steps/labelled-20", 20),
        semi_row("b/steps/labelled-5", 21),
        semi_row("b/epochs/labelled-20", 22),
    ]
    assert main_series(rows) == ["b/steps/labelled-20", "a/steps"]
    first = shown_first(rows)
    assert sorted(["a/epochs", "a/steps", "b/steps/labelled-20"], key=lambda name: rank(name, first)) == [
        "b/steps/labelled-20", "a/steps", "a/epochs",
    ]  # fmt: skip
    assert main_series([semi_row("", 0, "ridge")]) == []
