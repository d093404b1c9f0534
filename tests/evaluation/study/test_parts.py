import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from evaluation.study.parts import coalitions, keep_ranking, part_study, ranking
from evaluation.study.text import ranking_text
from storage.lake import Lake
from storage.tables import rows_to_table

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HOURS = {"run": 1.0, "walk": 2.0}
WHERE = {"dataset": "films", "split": "dev", "metric": "pa_mpjpe_mm"}


def score(number: int, study: str, seed: int, sequence: str, value: float) -> dict[str, object]:
    return {"score_id": str(number), "run_id": "r", "study": study, "variant": "part", "phi_name": "phi", "hours": 1.0,
            "seed": seed, "dataset": "films", "split": "dev", "protocol": "open_v1", "sequence": sequence,
            "metric": "pa_mpjpe_mm", "value": value, "n_frames": 50, "commit": "c", "scored_at": NOW}  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Running is worth 6 mm, walking 2 mm, both together 7 mm."""
    errors = {"": 100.0, "run": 94.0, "walk": 98.0, "run+walk": 93.0}
    rng = np.random.default_rng(0)
    rows = []
    for coalition in coalitions(sorted(HOURS)):
        for seed in range(3):
            for place in range(8):
                value = errors["+".join(sorted(coalition))] + 3 * place + rng.normal(0, 0.2)
                rows.append(score(len(rows), part_study("s", "tag", coalition), seed, f"s{place}", value))
            rows.append(score(len(rows), part_study("s", "tag", coalition), seed, "*macro", 0.0))
    made = Lake(tmp_path / "lake")
    made.append("scores", rows_to_table("scores", rows))
    return made


def test_the_ranking_of_scored_coalitions(lake: Lake) -> None:
    found = ranking(lake, "s", "tag", HOURS, **WHERE)
    assert [one.group for one in found] == ["run", "walk"]
    assert found[0].shapley is not None
    # Shapley of running: mean of 6 alone and 5 on top; an hour of it, since there is one hour.
    assert found[0].shapley.value == pytest.approx(5.5, abs=0.3)
    assert found[1].per_hour.value == pytest.approx(0.75, abs=0.2)
    assert "run" in ranking_text(found).splitlines()[1]


def test_a_ranking_is_kept_for_the_page(lake: Lake) -> None:
    found = ranking(lake, "s", "tag", HOURS, **WHERE)
    keep_ranking(lake, found, {"study": "s", "by": "tag", **WHERE}, command="x", commit="c", began=NOW)
    content = json.loads(lake.read("runs").to_pylist()[0]["config"])
    assert content["which"]["by"] == "tag"
    assert [row["group"] for row in content["ranking"]] == ["run", "walk"]
    assert content["ranking"][0]["surely"] == "helps"
