"""Tables as Markdown."""

from evaluation.label_quality.table import from_rows, markdown, shown


def test_markdown() -> None:
    table = from_rows(
        "k", "Title", "A note.", {"a|b": {"n": 1200, "mean": 0.01234}, "c": {"n": 3, "mean": None}}, of="x"
    )
    assert markdown(table).splitlines() == [
        "## Title", "", "A note.", "",
        "| x | n | mean |", "|---|---|---|", "| a\\|b | 1,200 | 0.0123 |", "| c | 3 | - |",
    ]  # fmt: skip


def test_rows_may_lack_a_column() -> None:
    table = from_rows("k", "T", "", {"a": {"x": 1}, "b": {"y": 2}}, of="row")
    assert table.columns == ["row", "x", "y"]
    assert table.rows == [["a", 1, None], ["b", None, 2]]


def test_numbers() -> None:
    assert [shown(value) for value in (None, float("nan"), 2.0, 12.345, "w")] == ["-", "-", "2", "12.3", "w"]
