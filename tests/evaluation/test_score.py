"""Scoring under a protocol: selection, counting, sequences, both averages, rows of the lake."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from body.joints import KEYPOINTS_25, LIMBS_12, SMPL_24, indices
from evaluation.protocols.definition import FrameRule
from evaluation.protocols.registry import OFFICIAL_3DPW, OPEN_V1
from evaluation.score import Scored, aggregate, average, score_rows, score_sequences, sequence_name
from storage.tables import rows_to_table

LIMBS = indices(LIMBS_12, KEYPOINTS_25)
HIPS = indices(("left_hip", "right_hip"), KEYPOINTS_25)


def _shifted(label, metres):
    """A prediction whose limbs all lie `metres` beside the truth, hips excepted."""
    pred = label.keypoints_3d.copy()
    others = [joint for joint in LIMBS if joint not in HIPS]
    pred[:, others, 0] += metres
    return pred


def test_value_by_hand_and_any_origin(make_labels) -> None:
    label = make_labels()
    pred = {"a": _shifted(label, 0.012) + np.float32(7)}
    (score,) = score_sequences(pred, {"a": label}, OPEN_V1)
    assert score.value("mpjpe_mm") == pytest.approx(10.0, abs=1e-2)
    assert score.n_frames == 30
    assert score.value("accel_error_mm_frame2") == pytest.approx(0, abs=1e-2)
    assert "accel_error_m_s2" not in score.per_frame


def test_frame_rate_gives_the_second_unit(make_labels) -> None:
    label = make_labels()
    noisy = {"a": label.keypoints_3d + np.random.default_rng(0).normal(0, 0.01, (30, 25, 3)).astype(np.float32)}
    (score,) = score_sequences(noisy, {"a": label}, OPEN_V1, fps={"a": 25.0})
    ratio = score.value("accel_error_m_s2") / score.value("accel_error_mm_frame2")
    assert ratio == pytest.approx(0.625)


def test_hazard_09_tracklets_are_differenced_one_by_one(make_labels) -> None:
    first, second = make_labels(seed=1), make_labels(seed=2)
    pred = {"a": _shifted(first, 0.02), "b": _shifted(second, -0.2)}
    (score,) = score_sequences(pred, {"a": first, "b": second}, OPEN_V1)
    assert score.n_frames == 60
    assert len(score.per_frame["accel_error_mm_frame2"]) == 56
    assert score.value("accel_error_mm_frame2") == pytest.approx(0, abs=1e-2)


def test_hazard_13_every_frame_is_scored_or_counted_out(make_labels) -> None:
    label = make_labels(frames=9)
    valid = np.ones(9, bool)
    valid[2] = False
    points = label.keypoints_3d.copy()
    points[4, LIMBS[0]] = np.nan
    pred = label.keypoints_3d.copy()
    pred[6] = np.nan
    (score,) = score_sequences({"a": pred}, {"a": replace(label, valid=valid, keypoints_3d=points)}, OPEN_V1)
    assert score.excluded == {"no_label": 1, "few_joints": 1}
    assert (score.n_frames, score.n_nan) == (7, 1)
    assert score.n_frames + sum(score.excluded.values()) == 9
    assert len(score.per_frame["accel_pred_mm_frame2"]) == 2


def test_a_labelled_tracklet_without_prediction_is_counted(make_labels) -> None:
    (score,) = score_sequences({}, {"a": make_labels(frames=5)}, OPEN_V1)
    assert (score.n_frames, score.excluded) == (0, {"no_prediction": 5})


def test_hazard_19_visibility_threshold_at_exactly_six(make_labels) -> None:
    label = make_labels(frames=2)
    pixels = label.keypoints_2d.copy()
    pixels[:, LIMBS, 2] = 0
    pixels[0, LIMBS[:6], 2] = 1
    pixels[1, LIMBS[:7], 2] = 1
    more_than_six = replace(OPEN_V1, frames=FrameRule(min_visible=7))
    (score,) = score_sequences({"a": label.keypoints_3d}, {"a": replace(label, keypoints_2d=pixels)}, more_than_six)
    assert (score.n_frames, score.excluded) == (1, {"few_visible": 1})


def test_people_of_one_film_are_one_sequence_and_order_changes_nothing(make_labels) -> None:
    labels = {"a": make_labels("test_0001/0", 10, 1), "b": make_labels("test_0001/1", 30, 2), "c": make_labels("f", 5)}
    pred = {name: _shifted(label, 0.01 * (i + 1)) for i, (name, label) in enumerate(labels.items())}
    scores = score_sequences(pred, labels, OPEN_V1)
    assert [(s.sequence, s.n_frames) for s in scores] == [("f", 5), ("test_0001", 40)]
    again = score_sequences(pred, dict(reversed(labels.items())), OPEN_V1)
    assert aggregate(scores)["mpjpe_mm"] == aggregate(again)["mpjpe_mm"]
    assert sequence_name("film_12/3", replace(OPEN_V1, group="track")) == "film_12/3"


def test_wrong_length_or_joint_set_is_an_error(make_labels) -> None:
    label = make_labels(frames=5)
    with pytest.raises(ValueError, match="tracklet a"):
        score_sequences({"a": label.keypoints_3d[:4]}, {"a": label}, OPEN_V1)
    with pytest.raises(KeyError, match="left_ankle"):
        score_sequences({"a": label.keypoints_3d}, {"a": label}, OPEN_V1, names=KEYPOINTS_25[:14])


def test_rows_fit_the_lake_and_name_both_averages(make_labels) -> None:
    labels = {"a": make_labels("f_1/0", 10, 1), "b": make_labels("f_2/0", 30, 2)}
    pred = {name: _shifted(label, 0.012) for name, label in labels.items()}
    context = Scored("run", "semi", "films", "test", "abc", datetime(2026, 1, 1, tzinfo=UTC))
    rows = score_rows(score_sequences(pred, labels, OPEN_V1), OPEN_V1, context)
    table = rows_to_table("scores", rows).to_pylist()
    assert len({row["score_id"] for row in table}) == len(table)
    values = {(row["sequence"], row["metric"]): row["value"] for row in table}
    assert values["*macro", "mpjpe_mm"] == pytest.approx(10, abs=0.1)
    assert values["*micro", "nan_frames"] == 0
    assert {row["protocol"] for row in table} == {"open_v1"}


def test_the_challenges_pck_counts_its_12_joints_within_50_mm(make_labels) -> None:
    label = replace(make_labels(frames=4), keypoints_3d=np.zeros((4, 24, 3), np.float32))
    pred = label.keypoints_3d.copy()
    pred[0, SMPL_24.index("left_wrist"), 0] = 0.06
    pred[1, SMPL_24.index("left_wrist"), 0] = 0.04
    pred[2, SMPL_24.index("head"), 0] = 9.0
    pred[3, SMPL_24.index("pelvis"), 0] = 0.06
    (score,) = score_sequences({"a": pred}, {"a": label}, OFFICIAL_3DPW, names=SMPL_24)
    np.testing.assert_allclose(score.per_frame["pck_50mm"], [11 / 12, 1, 1, 0])
    (other,) = score_sequences({"a": pred}, {"a": label}, replace(OFFICIAL_3DPW, near_joints=()), names=SMPL_24)
    assert "pck_50mm" not in other.per_frame


def test_hazard_12_macro_and_micro_differ_on_unequal_lengths() -> None:
    mean = average([np.full(10, 100.0), np.full(90, 200.0)])
    assert (mean.macro, mean.micro, mean.n_frames, mean.n_sequences) == (150.0, 190.0, 100, 2)


def test_nan_frames_and_empty_sequences_are_counted() -> None:
    mean = average([np.array([1.0, np.nan, 3.0]), np.array([np.nan, np.nan]), np.array([])])
    assert (mean.macro, mean.micro) == (2.0, 2.0)
    assert (mean.n_frames, mean.n_nan, mean.n_sequences, mean.n_empty) == (2, 3, 1, 2)
    nothing = average([])
    assert np.isnan(nothing.macro)
    assert nothing.n_frames == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.floats(-1e6, 1e6), max_size=6), min_size=1, max_size=6), st.randoms())
def test_permuting_sequences_changes_nothing(sequences: list[list[float]], random: object) -> None:
    shuffled = list(sequences)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = (average([np.array(s) for s in order]) for order in (sequences, shuffled))
    np.testing.assert_equal(vars(first), vars(second))
