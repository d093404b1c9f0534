"""Past and future are held against their own frame, under the protocol's own rules."""

import numpy as np
import pytest

from body.joints import KEYPOINTS_25
from evaluation.delta_scores import delta_scores, label_ahead
from evaluation.protocols.registry import OPEN_V1
from evaluation.score import score_sequences, with_values


def test_a_model_that_knows_the_future_scores_zero_and_one_that_repeats_the_present_does_not(make_labels) -> None:
    label = make_labels("f:0", 30)
    points = label.keypoints_3d
    said = {5: {"a": np.roll(points, -5, 0)}, -5: {"a": points}}
    found = delta_scores(said, {"a": label}, OPEN_V1, KEYPOINTS_25)["f"]
    assert found["mpjpe_mm_at+5"].shape == (25,)
    assert found["mpjpe_mm_at+5"].max() == pytest.approx(0, abs=1e-3)
    assert found["pa_mpjpe_mm_at-5"].min() > 1
    (score,) = with_values(score_sequences({"a": points}, {"a": label}, OPEN_V1), {"f": found})
    assert score.value("mpjpe_mm_at+5") == pytest.approx(0, abs=1e-3)
    assert score.value("mpjpe_mm") == pytest.approx(0, abs=1e-3)


def test_rows_beyond_an_end_have_no_label(make_labels) -> None:
    label = make_labels("f:0", 6)
    assert label_ahead(label, 4).valid.tolist() == [True, True, False, False, False, False]
    assert label_ahead(label, -9).valid.tolist() == [False] * 6
    np.testing.assert_array_equal(label_ahead(label, 1).keypoints_3d[0], label.keypoints_3d[1])
