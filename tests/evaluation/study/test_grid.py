from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.study.config import StudyConfig, StudyConfigError, read_study
from evaluation.study.grid import all_series, candidates, cells, epoch_share, label_series
from evaluation.study.presets import PRESETS, preset

SMALL = StudyConfig(name="s", shares=(0.0, 0.5, 1.0), seeds=(0, 1), phi=("a",), budgets=("steps", "epochs"))


def test_every_cell_is_there_once() -> None:
    found = list(cells(SMALL, 1.0, 3.0))
    assert len(found) == len(set(found)) == 2 * 2 * (3 + 1)
    assert {cell.series for cell in found} == {"s/steps", "s/epochs"}
    assert {(cell.variant, cell.share) for cell in found} == {
        ("semi", 0.0), ("semi", 0.5), ("semi", 1.0), ("ceiling", 1.0),
    }  # fmt: skip


def test_each_axis_but_the_first_value_is_a_series_of_its_own() -> None:
    wide = StudyConfig(
        name="w", shares=(0.0, 0.5, 1.0), seeds=(0, 1), phi=("a", "keypoints"), labelled=(20, 5, None),
        noise=(0.0, 1.0), side_shares=(0.0, 1.0), side_phi=("keypoints",), perfect_2d=(1.0,),
    )  # fmt: skip
    series = {one.name: one for one in all_series(wide)}
    assert list(series) == [
        "w/steps/labelled-20", "w/epochs/labelled-20", "w/steps/labelled-5", "w/steps/labelled-all",
        "w/steps/labelled-20/noise-1",
    ]  # fmt: skip
    assert [one.main for one in series.values()] == [True, False, False, False, False]
    found = list(cells(wide, 1.0, 3.0))
    assert len(found) == len(set(found))

    def of(name: str, variant: str) -> set[tuple[str, float]]:
        return {(one.phi_name, one.share) for one in found if (one.series, one.variant) == (name, variant)}

    every = {(phi, share) for phi in ("a", "keypoints") for share in (0.0, 0.5, 1.0)}
    assert of("w/steps/labelled-20", "semi") == of("w/epochs/labelled-20", "semi") == every
    assert of("w/steps/labelled-5", "semi") == {("keypoints", 0.0), ("keypoints", 1.0)}
    assert of("w/steps/labelled-20", "perfect_2d") == {("a", 1.0), ("keypoints", 1.0)}
    assert {one.series for one in found if one.variant == "perfect_2d"} == {"w/steps/labelled-20"}
    assert of("w/steps/labelled-20", "reprojected") == {("keypoints", 0.0)}
    assert {one.series for one in found if one.variant == "reprojected"} == {
        "w/steps/labelled-20", "w/steps/labelled-5", "w/steps/labelled-all",
    }  # fmt: skip
    assert {one.phi_name for one in candidates(wide, 5)} == {"keypoints"}
    assert {one.labelled for one in candidates(wide, 5)} == {5}


def test_label_versions_are_series_beside_the_main_one() -> None:
    config = replace(SMALL, labels=("a" * 64, "b" * 64), noise=(0.0, 1.0), side_shares=(0.5,))
    series = {one.name: one.labels for one in all_series(config)}
    assert series == {
        "s/steps/labels-aaaaaaaa": "a" * 64, "s/epochs/labels-aaaaaaaa": "a" * 64,
        "s/steps/noise-1/labels-aaaaaaaa": "a" * 64, "s/steps/labels-bbbbbbbb": "b" * 64,
    }  # fmt: skip
    assert list(label_series(config)) == ["s/steps/labels-aaaaaaaa", "s/steps/labels-bbbbbbbb"]
    found = list(cells(config, 1.0, 3.0))
    assert len(found) == len(set(found))
    assert {(one.variant, one.share, one.labels) for one in found if one.series == "s/steps/labels-bbbbbbbb"} == {
        ("semi", 0.5, "b" * 64)
    }
    assert label_series(replace(config, labels=("a" * 64,))) == label_series(SMALL) == {}


@pytest.mark.parametrize("versions", [("version-1", "version-2"), ("version-1", "version-10"), ("k1", "k2")])
def test_label_versions_that_begin_alike_are_series_of_their_own(versions: tuple[str, ...]) -> None:
    config = replace(SMALL, labels=versions)
    names = [one.name for one in all_series(config)]
    assert len(set(names)) == len(names)
    assert list(label_series(config).values()) == list(versions)


def test_equal_epochs_see_each_hour_equally_often() -> None:
    # 1 h labelled and 3 h of film: 4 h in all.
    assert [epoch_share(share, 1.0, 3.0) for share in (0.0, 0.5, 1.0)] == [0.25, 0.625, 1.0]
    steps = {cell.step_share for cell in cells(SMALL, 1.0, 3.0) if cell.series == "s/steps"}
    assert steps == {1.0}


def test_the_model_without_film_chooses_its_steps() -> None:
    found = list(candidates(SMALL))
    assert {(cell.step_share, cell.seed) for cell in found} == {(0.3, 0), (0.3, 1), (1.0, 0), (1.0, 1)}
    assert not list(candidates(StudyConfig(shares=(0.5, 1.0))))


def test_a_study_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "name: mine\nshares: [0, 0.5, 1]\nseeds: [3, 4]\nlabelled: [20, all]\ntrain: {steps: 10, preset: tiny}\n"
    )
    found = read_study(path)
    assert (found.name, found.shares, found.seeds) == ("mine", (0.0, 0.5, 1.0), (3, 4))
    assert found.labelled == (20, None)
    assert found.train == (("preset", "tiny"), ("steps", 10))
    assert len(found.weak_spots) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shares: 1", "shares: wanted a list"),
        ("share: [1]", "no key share; there are"),
        ("shares: [0, 1, 0.5]", "must ascend"),
        ("shares: [0, 2]", "end at 1"),
        ("seeds: [1, 1]", "different"),
        ("seeds: [one]", "seeds: cannot be read as int"),
        ("seeds: [1.5]", "seeds: cannot be read as int"),
        ("seeds: [-1]", "seeds are 0 to"),
        ("shares: [true]", "shares: cannot be read as float"),
        ("shares: [.nan]", "shares must ascend"),
        ("ceilings: [2]", "ceilings must ascend"),
        ("labelled: [0]", "different numbers from 1, or all"),
        ("labelled: [some]", "labelled: cannot be read as int"),
        ("noise: [1]", "noise begins with 0"),
        ("noise: [0, .inf]", "must be finite"),
        ("phi: []", "phi names one or more"),
        ("phi: [[a]]", "phi: wanted names"),
        ("side_phi: [b]", "side_phi must be among phi"),
        ("name: ../../etc", "letters, digits"),
        ("name: ''", "letters, digits"),
        ("name: [a]", "name: wanted a word"),
        ("train: {steps: [1]}", "train.steps: wanted one value"),
        ("&a a: &b [x, x]\nshares: *b", "no key a"),
        ("reprojected: maybe", "wanted true or false"),
        ("step_shares_without_film: [0]", "lie above 0"),
        ("? [1]\n: 2", "study.yaml"),
        ("budgets: [hours]", "budgets are steps and epochs"),
        ("labels: [12345678]", "labels: wanted names, got 12345678; put digests in quotes"),
        ("labels: [a, a]", "labels are different versions"),
        ("labels: [a, all]", "labels are different versions"),
        ("train: 5", "train: wanted changes"),
        ("- 1", "wanted keys"),
        ("a: [", "study.yaml"),
    ],
)
def test_a_bad_study_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(StudyConfigError, match=said):
        read_study(path)


def test_a_yaml_that_unfolds_to_billions_of_words_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    layers = [f"- &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)]
    path.write_text("shares:\n- &l0 [lol, lol]\n" + "\n".join(layers) + "\n")
    with pytest.raises(StudyConfigError, match="shares: cannot be read as float"):
        read_study(path)


def test_presets_can_answer_the_question() -> None:
    for name, config in PRESETS.items():
        assert config.name == name
        # The side study of 2D features has three sizes: a direction, no law.
        assert config.weak_spots == [] or (name == "open-world-2d" and "3 sizes" in config.weak_spots[0])
    with pytest.raises(StudyConfigError, match="open-quick"):
        preset("none")


def test_spread_is_a_series_at_the_shares_that_the_pool_has_videos_for() -> None:
    config = replace(SMALL, shares=(0.0, 0.125, 0.25, 1.0), budgets=("steps",), spread=(1.0, 4.0))
    assert [one.name for one in all_series(config)] == ["s/steps", "s/steps/spread-4"]
    found = [cell for cell in cells(config, 1.0, 3.0) if cell.series == "s/steps/spread-4"]
    assert {(cell.variant, cell.share, cell.spread) for cell in found} == {
        ("semi", 0.0, 4.0), ("semi", 0.125, 4.0), ("semi", 0.25, 4.0),
    }  # fmt: skip
    for spread, said in (((2.0,), "begins with 1"), ((1.0, 0.5), "ascends"), ((1.0, 16.0), "share with film of up to")):
        with pytest.raises(StudyConfigError, match=said):
            replace(config, spread=spread)
