"""The landmark network against its makers' file in LiteRT, and against their published golden landmarks."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harvest.backends.blazepose import JOINTS, LANDMARKS, SLOTS, BlazePose, keypoints_25, world_25
from harvest.backends.embedded import NanoDet
from harvest.backends.roi import Crops, RefineLimits, cut, square_around, upright
from harvest.weights.files import BLAZEPOSE_TFLITE, Weights

pytestmark = pytest.mark.usefixtures("embedded_weights")


@pytest.fixture(scope="module")
def looked_at(squats: list[np.ndarray]) -> Crops:
    boxes = NanoDet().people(squats)
    return upright(np.stack([square_around(found[0], 1.25) for found in boxes]))


def test_equals_the_original_in_litert(squats: list[np.ndarray], fetched: Callable[[Weights], Path]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    square = square_around(np.array([180, 150, 530, 930]), 1.25)
    original = Interpreter(str(fetched(BLAZEPOSE_TFLITE)), num_threads=1)
    original.allocate_tensors()
    crop = cut(squats[0], square, 256)[None].astype(np.float32) / 255
    original.set_tensor(original.get_input_details()[0]["index"], crop)
    original.invoke()
    told = {tuple(d["shape"]): original.get_tensor(d["index"]) for d in original.get_output_details()}
    ours = BlazePose().read(squats[:1], upright(square[None]))
    landmarks = told[1, 195].reshape(39, 5)[:33]
    side = float(square[2] - square[0])
    np.testing.assert_allclose(ours.landmarks_N33x2[0], square[:2] + landmarks[:, :2] * side / 256, atol=0.05)
    np.testing.assert_allclose(ours.world_N33x3[0], told[1, 117].reshape(39, 3)[:33], atol=1e-3)
    np.testing.assert_allclose(ours.visibility_N33[0], 1 / (1 + np.exp(-landmarks[:, 3])), atol=1e-3)
    np.testing.assert_allclose(ours.presence_N, told[1, 1][0], atol=1e-4)


@pytest.mark.slow
def test_golden_landmarks(squats: list[np.ndarray], looked_at: Crops, shared_data: Path) -> None:
    """Tolerances: 10 px mean and 28 px for 95 % (issue 2), 0.19 m (upstream's own)."""
    folder = shared_data / "real_video"
    golden = np.array(json.loads((folder / "pose_squats.full.json").read_text()))[:, LANDMARKS]
    golden_world = np.array(json.loads((folder / "pose_squats_3d.full.json").read_text()))[:, LANDMARKS]
    reading = BlazePose().read_twice(squats, looked_at, RefineLimits())
    off = np.linalg.norm(keypoints_25(reading)[:, SLOTS, :2] - golden[..., :2], axis=-1)
    assert off.mean() <= 10
    assert np.mean(off <= 28) >= 0.95
    assert np.abs(world_25(reading)[:, SLOTS] - golden_world).max() <= 0.19


def test_a_turned_crop_reads_the_same_person(squats: list[np.ndarray], looked_at: Crops) -> None:
    network = BlazePose()
    straight = network.read(squats[:1], looked_at[np.array([0])])
    turned = network.read(squats[:1], Crops(looked_at.squares_N4[:1], np.array([0.12])))
    assert np.linalg.norm(straight.landmarks_N33x2 - turned.landmarks_N33x2, axis=-1).mean() < 12
    assert np.abs(straight.world_N33x3 - turned.world_N33x3).mean() < 0.03


def test_batches_do_not_change_the_result(squats: list[np.ndarray], looked_at: Crops) -> None:
    few = np.arange(3)
    one = BlazePose(batch=1).read(squats[:3], looked_at[few])
    together = BlazePose(batch=2).read(squats[:3], looked_at[few])
    np.testing.assert_allclose(one.landmarks_N33x2, together.landmarks_N33x2, atol=0.01)
    np.testing.assert_allclose(one.penultimate_ND, together.penultimate_ND, atol=1e-3)


def test_no_crops() -> None:
    reading = BlazePose().read_twice([], upright(np.zeros((0, 4))), RefineLimits())
    assert keypoints_25(reading).shape == (0, 25, 3)
    assert reading.penultimate_ND.shape == (0, 1152)


def test_joints_it_lacks_score_zero(squats: list[np.ndarray], looked_at: Crops) -> None:
    reading = BlazePose().read(squats[:1], looked_at[np.array([0])])
    lacking = sorted(set(range(25)) - set(SLOTS))
    assert len(JOINTS) == 21
    assert not keypoints_25(reading)[0, lacking].any()
    assert np.isnan(world_25(reading)[0, lacking]).all()
    assert np.isfinite(world_25(reading)[0, SLOTS]).all()
