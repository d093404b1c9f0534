"""Keys change with what they depend on and with nothing else."""

from dataclasses import replace

import pytest

from storage.labels.key import Recipe, Stage

STAGES = (
    Stage("decode", "1"),
    Stage("pose", "2", {"net": "full"}, {"pose.tflite": "ab"}),
    Stage("filter", "1", {"n": 20}),
)
RECIPE = Recipe(STAGES, code="abc")


def test_code_is_told_but_not_hashed() -> None:
    assert replace(RECIPE, code="def").label_key("c") == RECIPE.label_key("c")
    assert RECIPE.label_key("c") != RECIPE.label_key("d")


@pytest.mark.parametrize(
    ("changed", "index"),
    [
        (Stage("decode", "2"), 0),
        (Stage("pose", "2", {"net": "lite"}, {"pose.tflite": "ab"}), 1),
        (Stage("pose", "2", {"net": "full"}, {"pose.tflite": "cd"}), 1),
        (Stage("filter", "1", {"n": 40}), 2),
    ],
)
def test_a_change_redoes_that_stage_and_what_follows(changed: Stage, index: int) -> None:
    stages = list(STAGES)
    stages[index] = changed
    old, new = RECIPE.stage_keys("c"), Recipe(tuple(stages)).stage_keys("c")
    for place, stage in enumerate(STAGES):
        assert (old[stage.name] == new[stage.name]) == (place < index)
    assert Recipe(tuple(stages)).label_key("c") != RECIPE.label_key("c")


def test_a_recipe_comes_back_from_its_json() -> None:
    again = Recipe.from_json(RECIPE.to_json())
    assert again.digest == RECIPE.digest
    assert again.code == "abc"
    with pytest.raises(ValueError, match="recipe"):
        Recipe.from_json('{"stages": [{"nme": 1}]}')
