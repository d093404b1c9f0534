"""Worth of a pool's parts: Shapley values against a count over all orders, and the ranking in a lake."""

import json
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.study.parts import (
    Coalition,
    coalition_name,
    coalitions,
    keep_ranking,
    largest_groups,
    part_study,
    ranking,
    shapley,
    worth,
)
from evaluation.study.table import StudyTable
from evaluation.study.text import ranking_text
from storage.lake import Lake
from storage.tables import rows_to_table

GROUPS = ["a", "b", "c"]


def played(errors: dict[Coalition, float], noise: float = 0.0, seeds: int = 3) -> tuple[StudyTable, list[Coalition]]:
    """A study in which every coalition has its error, twelve sequences and some noise."""
    order = coalitions(sorted(set().union(*errors)))
    rng = np.random.default_rng(0)
    mean = np.repeat([errors[coalition] for coalition in order], seeds)
    error_CS = mean[:, None] + rng.normal(0, 5, 12) + rng.normal(0, noise, (len(mean), 12))
    size_C = np.repeat(np.arange(len(order)), seeds)
    names = tuple(str(seed) for _ in order for seed in range(seeds))
    return StudyTable(np.arange(float(len(order))), size_C, names, tuple("abcdefghijkl"), error_CS), order


def additive(coalition: Coalition) -> float:
    return 100.0 - sum({"a": 5.0, "b": 1.0, "c": -2.0}[group] for group in coalition)


def test_coalitions_of_few_groups_are_all_of_them() -> None:
    found = coalitions(GROUPS)
    assert len(found) == len(set(found)) == 8
    assert (found[0], found[-1]) == (frozenset(), frozenset(GROUPS))
    assert len(coalitions([str(i) for i in range(9)])) == 2 + 9 + 9
    assert coalition_name(frozenset({"b", "a"})) == "a+b"
    assert coalition_name(frozenset()) == "none"


def test_small_groups_are_put_together() -> None:
    found = largest_groups({"a": 5.0, "b": 4.0, "c": 1.0, "d": 2.0}, most=3)
    assert found == {"a": "a", "b": "b", "d": "other", "c": "other"}
    assert largest_groups({"a": 1.0, "b": 2.0}) == {"a": "a", "b": "b"}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 100), min_size=8, max_size=8))
def test_shapley_is_the_mean_over_all_orders(errors: list[float]) -> None:
    column = {coalition: np.array([error]) for coalition, error in zip(coalitions(GROUPS), errors, strict=True)}
    for group in GROUPS:
        gains = []
        for order in permutations(GROUPS):
            before = frozenset(order[: order.index(group)])
            gains.append(column[before][0] - column[before | {group}][0])
        assert shapley(group, GROUPS, column)[0] == pytest.approx(np.mean(gains), abs=1e-9)


def test_worth_of_groups_that_do_not_interact() -> None:
    study, order = played({coalition: additive(coalition) for coalition in coalitions(GROUPS)}, noise=0.3)
    found = worth(study, order, {"a": 5.0, "b": 0.5, "c": 1.0}, count=1000)
    assert [one.group for one in found] == ["b", "a", "c"]
    for one, truth in zip(found, (1.0, 5.0, -2.0), strict=True):
        assert one.shapley is not None
        for estimate in (one.alone, one.on_top, one.shapley):
            assert estimate.low < truth < estimate.high
            assert estimate.value == pytest.approx(truth, abs=0.4)
    assert [one.surely for one in found] == ["helps", "helps", "hurts"]


def test_what_only_repeats_another_group_is_worth_nothing_on_top() -> None:
    errors = {c: 90.0 if c & {"a", "b"} else 100.0 for c in coalitions(GROUPS)}
    study, order = played(errors, noise=0.1)
    found = {one.group: one for one in worth(study, order, dict.fromkeys(GROUPS, 1.0), count=500)}
    assert found["a"].alone.value == pytest.approx(10, abs=0.3)
    assert found["a"].on_top.value == pytest.approx(0, abs=0.3)
    assert found["a"].shapley is not None
    assert found["a"].shapley.value == pytest.approx(5, abs=0.3)
    assert found["c"].surely == "unclear" or abs(found["c"].per_hour.value) < 0.3


def test_many_groups_get_no_shapley_value() -> None:
    groups = [str(i) for i in range(7)]
    study, order = played({coalition: 100.0 - len(coalition) for coalition in coalitions(groups)}, noise=0.1)
    found = worth(study, order, dict.fromkeys(groups, 2.0), count=300)
    assert all(one.shapley is None for one in found)
    assert found[0].per_hour.value == pytest.approx(0.5, abs=0.1)


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
