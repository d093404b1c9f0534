from dataclasses import replace

import pytest

from openworld.plan import plan_films
from openworld.seeds import generator
from openworld.worlds import SplitConfig, WorldConfig, quickstart_world, study_world


def test_splits_share_no_film_and_no_random_numbers() -> None:
    plans = plan_films(quickstart_world())
    first = {generator(plan.seed, "shot", plan.film_id, 0).integers(2**63) for plan in plans}
    assert len(first) == len(plans) == len({plan.film_id for plan in plans})
    assert {plan.split for plan in plans} == {"labelled", "unlabelled", "dev", "test"}


def test_labelled_is_narrow_and_unlabelled_broad() -> None:
    for world in (quickstart_world(), study_world()):
        plans = plan_films(world)
        assert all(p.family == "narrow" and p.camera == "lab" for p in plans if p.split == "labelled")
        assert all(p.family == "broad" and p.camera == "wild" for p in plans if p.split == "unlabelled")
        assert {p.family for p in plans if p.split == "test"} == {"narrow", "broad"}


def test_more_films_leave_the_earlier_ones_as_they_are() -> None:
    few = WorldConfig((SplitConfig("dev", 3, crossing=1),))
    many = WorldConfig((SplitConfig("test", 5), SplitConfig("dev", 9, crossing=1)))
    assert [plan.digest for plan in plan_films(few)] == [plan.digest for plan in plan_films(many)[5:8]]


def test_special_films_are_counted() -> None:
    split = SplitConfig("unlabelled", 7, crossing=2, cut=1, empty=1)
    plans = plan_films(WorldConfig((split,)))
    assert [plan.kind for plan in plans] == ["crossing", "crossing", "cut", "empty", "one", "one", "one"]
    assert [len(plan.frames) for plan in plans] == [1, 1, 2, 1, 1, 1, 1]


def test_the_digest_changes_with_anything() -> None:
    plan = plan_films(quickstart_world())[0]
    assert len({plan.digest, replace(plan, seed=1).digest, replace(plan, crf=19).digest}) == 3


def test_the_quickstart_has_the_size_that_five_minutes_allow() -> None:
    assert 3000 <= sum(sum(plan.frames) for plan in plan_films(quickstart_world())) <= 4000


@pytest.mark.parametrize("bad", [{"name": "../up"}, {"films": 1, "crossing": 2}])
def test_impossible_splits_are_refused(bad: dict[str, int | str]) -> None:
    with pytest.raises(ValueError, match="split"):
        SplitConfig(**{"name": "dev", "films": 3, **bad})


def test_impossible_worlds_are_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        WorldConfig((SplitConfig("dev", 1),), width=321)
    with pytest.raises(ValueError, match="differ"):
        WorldConfig((SplitConfig("dev", 1), SplitConfig("dev", 2)))
