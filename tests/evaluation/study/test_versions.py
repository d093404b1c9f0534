"""Label versions held against each other: a real difference is found, none is not, unpaired curves are refused."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evaluation.study.table import StudyRowsError, StudyTable, table
from evaluation.study.versions import compare, keep_comparison
from storage.lake import Lake
from storage.tables import rows_to_table

SEQUENCES = 40


def curve(gain: float, run: int, *, seeds: int = 3, hours: float = 1.0, noise: float = 1.0) -> StudyTable:
    """A study of three sizes on the same sequences; with film the error is lower by `gain`."""
    rng, film = np.random.default_rng(run), np.random.default_rng(99).normal(0, 15, SEQUENCES)
    rows = []
    for size, base in ((0.0, 120.0), (0.5 * hours, 110.0), (hours, 100.0)):
        for seed in range(seeds):
            cell = rng.normal(0, noise) if size else 0.0
            for sequence in range(SEQUENCES):
                error = base - gain * (size > 0) + cell + film[sequence] + rng.normal(0, 1)
                rows.append((size, str(seed), f"s{sequence}", error))
    return table(rows)


def test_a_better_and_a_worse_version_are_told_from_one_that_is_neither() -> None:
    found = compare({"a": curve(0, 1), "b": curve(6, 2, hours=0.9), "c": curve(0, 3), "d": curve(-6, 4)})
    assert [(one.series, one.answer) for one in found] == [("b", "better"), ("c", "unclear"), ("d", "worse")]
    better = found[0]
    assert better.change.low < -6 < better.change.high < 0
    assert [hours for hours, _ in better.at_sizes] == [0.45, 0.9]
    assert better.change.value == pytest.approx(np.mean([change.value for _, change in better.at_sizes]))


def test_the_interval_is_as_wide_as_students() -> None:
    """Without noise of sequences: one difference a seed, the mean over its sizes, and Student's t over the seeds."""
    rng = np.random.default_rng(0)
    cells = {(v, k, r): rng.normal(0, 2) for v in "ab" for k in (1.0, 2.0) for r in range(4)}
    tables = {
        v: table((k, str(r), s, cells[v, k, r]) for k in (1.0, 2.0) for r in range(4) for s in ("x", "y")) for v in "ab"
    }
    change_R = [np.mean([cells["b", k, r] - cells["a", k, r] for k in (1.0, 2.0)]) for r in range(4)]
    half = stats.t.ppf(0.975, 3) * np.std(change_R, ddof=1) / 2
    (found,) = compare(tables, 40_000)
    assert found.change.value == pytest.approx(np.mean(change_R))
    assert (found.change.high - found.change.low) / 2 == pytest.approx(half, rel=0.15)


def test_what_two_versions_share_cancels() -> None:
    """Runs that scatter by 30 alike in both versions, which differ by 2."""
    shared = np.random.default_rng(5).normal(0, 30, (2, 4))

    def made(gain: float, run: int) -> StudyTable:
        rng = np.random.default_rng(run)
        return table(
            (size + 1.0, str(seed), f"s{n}", 100 + shared[size, seed] - gain + 20 * (n % 7) + rng.normal(0, 1))
            for size in range(2) for seed in range(4) for n in range(SEQUENCES)
        )  # fmt: skip

    (found,) = compare({"a": made(0, 1), "b": made(2, 2)})
    assert found.answer == "better"
    assert found.change.high - found.change.low < 2


def test_no_difference_is_called_one_in_few_of_many_studies() -> None:
    pairs = ({"a": curve(0, 2 * n), "b": curve(0, 2 * n + 1)} for n in range(100))
    called = sum(compare(pair, 800)[0].answer != "unclear" for pair in pairs)
    assert called <= 12  # 5 are expected; more than 12 has a chance of 1 in 500


def test_one_run_a_size_proves_nothing() -> None:
    assert compare({"a": curve(0, 1, seeds=1), "b": curve(20, 2, seeds=1)})[0].answer == "unclear"


def test_what_cannot_be_paired_is_refused() -> None:
    whole = curve(0, 1)
    uneven = table([(1.0, "0", "s0", 1.0), (1.0, "1", "s0", 1.0), (2.0, "0", "s0", 1.0)])
    with pytest.raises(StudyRowsError, match="same seeds at every size"):
        compare({"a": uneven, "b": uneven})
    for other in (whole.without_largest(), table([(1.0, "0", "s0", 1.0), (2.0, "0", "s0", 1.0)])):
        with pytest.raises(StudyRowsError, match="the label versions were not"):
            compare({"a": whole, "b": other})


def test_the_comparison_is_kept_in_the_lake(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("scores", rows_to_table("scores", [*_scores("s/a", curve(0, 1)), *_scores("s/b", curve(6, 2))]))
    words = {
        "s/a": "no smoothing",
        "s/b": "smoothing 0.06 s",
    }
    now = datetime.now(UTC)
    found = keep_comparison(lake, words, {"s/a": "d1", "s/b": "d2"}, command="c", commit="x", began=now)
    assert [(s.study, s.metric, [one.answer for one in rows]) for s, rows in found.items()] == [
        ("s/a", "pa_mpjpe_mm", ["better"])
    ]
    (row,) = lake.read("runs").to_pylist()
    told = json.loads(row["config"])
    assert told["versions"]["words"] == words
    assert told["compared"][0]["rows"][0]["series"] == "s/b"
    nothing = keep_comparison(lake, {"s/a": "x", "s/none": "y"}, {}, command="c", commit="x", began=now)
    assert nothing == {}


def _scores(study: str, found: StudyTable) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [
        {
            "score_id": f"{study}{cell}{place}", "run_id": f"{study}{cell}", "study": study, "variant": "semi",
            "phi_name": "p", "hours": float(found.hours_H[found.size_C[cell]]), "seed": int(found.seed_C[cell]),
            "dataset": "films", "split": "dev", "protocol": "open_v1", "sequence": name, "metric": "pa_mpjpe_mm",
            "value": float(found.error_CS[cell, place]), "n_frames": 10, "commit": "c", "scored_at": now,
        }
        for cell in range(len(found.seed_C))
        for place, name in enumerate(found.sequences)
    ]  # fmt: skip
