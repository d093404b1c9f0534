"""2D measures against pycocotools and by hand."""

import numpy as np
import pytest
from pycocotools import mask as _  # noqa: F401  (fails loudly where the oracle is broken)
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evaluation import metrics


def _coco_oks(pred: np.ndarray, target: np.ndarray, area: float) -> float:
    base = {"image_id": 1, "category_id": 1, "iscrowd": 0, "num_keypoints": int((target[:, 2] > 0).sum())}
    truth, found = COCO(), COCO()
    for coco, extra in ((truth, {"keypoints": target.ravel().tolist()}), (found, {"keypoints": pred.ravel().tolist()})):
        coco.dataset = {
            "images": [{"id": 1}],
            "categories": [{"id": 1}],
            "annotations": [base | {"id": 1, "area": area, "bbox": [0, 0, 1, 1], "score": 1.0} | extra],
        }
        coco.createIndex()
    judge = COCOeval(truth, found, "keypoints")
    judge.params.imgIds, judge.params.catIds = [1], [1]
    judge._prepare()
    return float(judge.computeOks(1, 1)[0, 0])


@pytest.mark.parametrize("seed", range(5))
def test_oks_is_pycocotools_own(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = np.concatenate([rng.uniform(0, 300, (17, 2)), rng.integers(0, 3, (17, 1))], -1)
    target[0, 2] = 2
    pred = np.concatenate([target[:, :2] + rng.normal(0, 12, (17, 2)), np.ones((17, 1))], -1)
    ours = metrics.oks(pred[:, :2], target[:, :2], np.array(5000.0), target[:, 2] > 0)
    assert float(ours) == pytest.approx(_coco_oks(pred, target, 5000.0), rel=1e-12)


def test_hazard_18_hmmr_scale_is_not_least_squares() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(14, 2)) * [0.3, 1.0]
    y = 2 * x + 0.1 * rng.normal(size=(14, 2))
    x0, y0 = x - x.mean(0), y - y.mean(0)
    hmmr = np.trace(np.linalg.inv(x0.T @ x0) @ x0.T @ y0) / 2
    least = (x0 * y0).sum() / (x0 * x0).sum()
    assert abs(hmmr - least) > 1e-3
    for scale, metric in ((hmmr, metrics.hmmr_kp_pa), (least, metrics.kp_pa)):
        assert float(metric(x, y)) == pytest.approx(np.linalg.norm(scale * x0 - y0, axis=-1).mean(), rel=1e-9)


def test_hmmr_pck_aligns_first_and_uses_a_twentieth_of_the_crop() -> None:
    target = np.random.default_rng(1).uniform(0, 224, (1, 14, 2))
    assert float(metrics.hmmr_pck(0.5 * target + 40, target)) == 1.0
    for way, share in ((11.2, 1.0), (11.21, 0.0)):
        aside = np.zeros((1, 14, 2)) + np.array([way, 0])
        assert float(metrics.pck_2d(aside, np.zeros((1, 14, 2)), 224.0, alpha=0.05)) == share


def test_pck_by_box_side_follows_each_frame_and_its_mask() -> None:
    target = np.array([[[0.0, 0], [100, 50]], [[0, 0], [10, 5]], [[0, 0], [10, 5]]])
    mask = np.array([[True, True], [True, True], [False, False]])
    side = metrics.box_side(target, mask)
    assert side[:2].tolist() == [100.0, 10.0]
    assert side[2].isnan()
    assert metrics.pck_2d(target + np.array([15.0, 0]), target, side, mask, alpha=0.2)[:2].tolist() == [1.0, 0.0]


def test_pixel_error_skips_masked_joints() -> None:
    pred = np.array([[3.0, 4.0], [np.nan, np.nan]])
    assert float(metrics.pixel_error(pred, np.zeros((2, 2)), np.array([True, False]))) == 5.0
