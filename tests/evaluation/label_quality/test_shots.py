"""Cuts that are found, missed, found twice, or not there."""

import pytest

from evaluation.label_quality.shots import Cuts, shots_row, shots_table


def test_precision_and_recall() -> None:
    row = shots_row([Cuts([(30, 30), (60, 60), (90, 90)], [31, 58, 75], 120)])
    assert (row["transitions"], row["found"], row["false"], row["again"]) == (3, 2, 1, 0)
    assert row["precision"] == pytest.approx(2 / 3)
    assert row["recall"] == pytest.approx(2 / 3)
    assert row["F1"] == pytest.approx(2 / 3)


def test_a_transition_that_is_found_twice_counts_once() -> None:
    row = shots_row([Cuts([(30, 46)], [29, 40, 60], 90), Cuts([], [], 10)])
    assert (row["frames"], row["found"], row["again"], row["false"]) == (100, 1, 1, 1)
    assert row["precision"] == 0.5


def test_nothing_there_and_nothing_found() -> None:
    table = shots_table({"one shot": [Cuts([], [], 50)], "none": []}, "")
    assert len(table.rows) == 1
    assert table.rows[0][table.columns.index("F1")] is None
