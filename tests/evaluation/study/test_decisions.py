"""Decision accuracy where the right decisions are known beforehand, and on the rows of the open world."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.study.decisions import decisions_text, questions, small_studies
from evaluation.study.lake import Setting, exported_tables
from evaluation.study.table import StudyRowsError, StudyTable, table

ROOT = Path(__file__).resolve().parents[3]
FIRST = Setting("a/steps", "phi", "films", "dev", "open_v1", "pa_mpjpe_mm")
SECOND = replace(FIRST, study="b/steps")
HOURS = (0.0, 1.0, 4.0)


def _study(by_size: tuple[float, ...], noise: float = 0.0, seed: int = 0) -> dict[str, StudyTable]:
    rng = np.random.default_rng(seed)
    rows = [
        (hour, str(run), f"s{place}", 100 + change + place + rng.normal(0, noise))
        for hour, change in zip(HOURS, by_size, strict=True) for run in range(3) for place in range(6)
    ]  # fmt: skip
    return {"semi": table(rows)}


def test_a_winner_of_every_size_is_found_by_the_cheapest() -> None:
    (question,) = questions({FIRST: _study((0, 0, 0), 0.1), SECOND: _study((-3, -4, -5), 0.1, seed=1)})
    assert question.sure
    assert question.difference == pytest.approx(-5, abs=0.2)
    assert {one.right for one in question.sizes} == {1.0}
    assert [(one.hours, one.seeds, one.cells, one.decisions) for one in question.sizes[:4]] == [
        (0.0, 1, 2, 3), (0.0, 2, 4, 3), (0.0, 3, 6, 1), (1.0, 1, 2, 3),
    ]  # fmt: skip
    assert len(question.sizes) == 8, "the largest study itself decides nothing"
    assert question.takes == question.sizes[0]
    assert "takes 2 cells of 2.5 minutes at 0.000 hours" in decisions_text([question], {"a/steps": 2.0, "b/steps": 3.0})


def test_a_curve_that_crosses_is_decided_wrong_below_the_crossing() -> None:
    (question,) = questions({FIRST: _study((0, 0, 0), 0.1), SECOND: _study((3, -1, -5), 0.1, seed=1)})
    assert {(one.hours, one.right) for one in question.sizes} == {(0.0, 0.0), (1.0, 1.0), (4.0, 1.0)}
    assert question.takes is not None
    assert (question.takes.hours, question.takes.seeds) == (1.0, 1)
    by_size = {(one.hours, one.seeds): one.right for one in small_studies([question])}
    assert by_size[0.0, 3] == 0.0
    assert by_size[4.0, 1] == 1.0


def test_luck_at_one_size_alone_is_no_answer() -> None:
    (question,) = questions({FIRST: _study((0, 0, 0), 0.1), SECOND: _study((-3, 3, -5), 0.1, seed=1)})
    assert question.takes is not None
    assert question.takes.hours == 4.0


def test_what_the_largest_study_cannot_tell_is_said() -> None:
    (question,) = questions({FIRST: _study((0, 0, 0), 20), SECOND: _study((0, 0, 0.1), 20, seed=1)})
    assert not question.sure
    assert "the largest study cannot tell" in decisions_text([question])


def test_only_pairs_that_can_be_paired_are_questions() -> None:
    study, other = _study((0, 0, 0), 1), _study((-3, -4, -5), 1, seed=1)
    assert questions({FIRST: study, replace(SECOND, study="b/epochs"): other}) == []
    assert questions({FIRST: study, replace(SECOND, dataset="mocap"): other}) == []
    assert questions({FIRST: study, SECOND: study}) == [], "one training under two names"
    fewer = {"semi": table([(h, "9", "s0", 1.0) for h in HOURS])}
    assert questions({FIRST: study, SECOND: fewer}) == []


def test_the_page_of_the_open_world_says_what_its_rows_give() -> None:
    folder = ROOT / "docs" / "results"
    tables = exported_tables(folder / "open_world" / "scores.parquet")
    asked = questions({setting: found for setting, found in tables.items() if setting.metric == "pa_mpjpe_mm"})
    page = (folder / "open_world.md").read_text()
    for line in decisions_text(asked).split("\n\n")[1].splitlines():
        assert line.strip() in page


def test_a_file_without_score_rows_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(StudyRowsError, match=r"a\.parquet: is no Parquet file of score rows"):
        exported_tables(tmp_path / "a.parquet")
