from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.series import main_series, rank, shown_first

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def row(study: str, minute: int, variant: str = "semi") -> dict[str, Any]:
    return {"study": study, "variant": variant, "scored_at": NOW + timedelta(minutes=minute)}


def test_the_main_series_is_the_one_that_was_scored_first() -> None:
    rows = [row("a/steps", 2), row("a/epochs", 3), row("a/candidates", 1, "candidate"), row("a/steps", 9)]
    rows += [row("b/steps/labelled-20", 20), row("b/steps/labelled-5", 21), row("b/epochs/labelled-20", 22)]
    assert main_series(rows) == ["b/steps/labelled-20", "a/steps"]
    first = shown_first(rows)
    assert sorted(["a/epochs", "a/steps", "b/steps/labelled-20"], key=lambda name: rank(name, first)) == [
        "b/steps/labelled-20", "a/steps", "a/epochs",
    ]  # fmt: skip
    assert main_series([row("", 0, "ridge")]) == []
