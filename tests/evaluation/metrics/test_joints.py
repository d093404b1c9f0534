"""Distances and alignments, held against roma, scipy, published golden numbers and the loop over frames."""

import numpy as np
import pytest
import roma
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from evaluation import metrics

SHIFT = np.array([0.1, 0, 0])
BATCHES, JOINTS = (1, 2, 3, 4), (2, 3, 14, 17)


def _loop(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The textbook, frame by frame: Umeyama's scale and sign around scipy's Kabsch."""
    errors = []
    for p, q in zip(pred, target, strict=True):
        a, b = p - p.mean(0), q - q.mean(0)
        rotation = Rotation.align_vectors(b, a)[0].as_matrix() if len(a) > 2 else _two_points(a, b)
        turned = a @ rotation.T
        scale = (turned * b).sum() / (a * a).sum()
        errors.append(np.linalg.norm(scale * turned - b, axis=-1).mean() * 1000)
    return np.array(errors)


def _two_points(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    u, _, vt = np.linalg.svd(b.T @ a)
    return u @ np.diag([1, 1, np.linalg.det(u) * np.linalg.det(vt)]) @ vt


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("joints", JOINTS)
def test_hazard_01_batches_of_two_or_three_give_the_per_frame_answers(batch: int, joints: int) -> None:
    rng = np.random.default_rng(10 * batch + joints)
    pred, target = rng.normal(size=(2, batch, joints, 3))
    np.testing.assert_allclose(metrics.pa_mpjpe(pred, target), _loop(pred, target), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(
        metrics.mpjpe(pred, target), np.linalg.norm(pred - target, axis=-1).mean(-1) * 1000, rtol=1e-12
    )


def test_similarity_agrees_with_roma_over_many_frames() -> None:
    torch.manual_seed(0)
    target = torch.randn(400, 14, 3, dtype=torch.float64) * torch.tensor([0.2, 0.5, 0.1], dtype=torch.float64)
    pred = target + 0.1 * torch.randn_like(target)
    rotation, shift, scale = roma.rigid_points_registration(pred, target, compute_scaling=True)
    expected = scale[:, None, None] * pred @ rotation.mT + shift[:, None]
    torch.testing.assert_close(metrics.similarity_aligned(pred, target), expected, rtol=0, atol=1e-9)


def test_hazard_06_published_golden_numbers_where_pa_exceeds_mpjpe() -> None:
    """mmpose's own example and its three numbers; it aligns with all joints and masks only the error."""
    pred, target = np.zeros((2, 5, 3)), np.zeros((2, 5, 3))
    pred[0] = [[1, 0, 0], [2, 2, 0], [0, 0, -1], [3, 3, 1], [0, 1, 1]]
    target[0] = [[1, 0, 0], [1, 1, 1], [-1, 0, 0], [3, 3, 1], [0, 1, 0]]
    pred[1] = [[1, 0, 0], [2, 2, 1], [-1, 0, 0], [0, 0, 3], [0, 0, 1]]
    target[1] = [[1, 1, 0], [1, 0, 1], [-1, 0, 0], [0, 0, 3], [1, 1, 0]]
    mask = np.array([True, True, False, True, True])
    plain = metrics.mpjpe(pred, target, mask).mean()
    aligned = metrics.mpjpe(metrics.similarity_aligned(pred, target), target, mask).mean()
    scaled = metrics.mpjpe(metrics.scale_aligned(pred, target), target, mask).mean()
    expected = (962.5211990796929, 1004.7897634604497, 1027.7129678465953)
    np.testing.assert_allclose([plain, aligned, scaled], expected, rtol=1e-7)


def test_hazard_02_a_mirrored_or_side_swapped_skeleton_is_not_perfect() -> None:
    rng = np.random.default_rng(1)
    target = rng.normal(size=(50, 14, 3))
    assert float(metrics.pa_mpjpe(target * [-1, 1, 1], target).min()) > 50
    swapped = target[:, [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]]
    assert float(metrics.pa_mpjpe(swapped, target).min()) > 50


def test_hazard_03_the_prediction_is_moved_onto_the_truth_and_not_the_other_way() -> None:
    rng = np.random.default_rng(2)
    pred, target = rng.normal(size=(2, 20, 14, 3))
    assert float((metrics.pa_mpjpe(pred, target) - metrics.pa_mpjpe(target, pred)).abs().min()) > 1e-3
    np.testing.assert_allclose(metrics.pa_mpjpe(pred, 2 * target), 2 * metrics.pa_mpjpe(pred, target))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), factor=st.floats(0.01, 100), joints=st.sampled_from([3, 4, 14, 17]))
def test_pa_ignores_turn_shift_and_scale_of_the_prediction(seed: int, factor: float, joints: int) -> None:
    rng = np.random.default_rng(seed)
    pred, target = rng.normal(size=(2, 3, joints, 3))
    turn = Rotation.random(random_state=seed).as_matrix()
    moved = factor * pred @ turn.T + rng.normal(size=3)
    np.testing.assert_allclose(metrics.pa_mpjpe(moved, target), metrics.pa_mpjpe(pred, target), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        metrics.mpjpe(pred @ turn.T + 1, target @ turn.T + 1), metrics.mpjpe(pred, target), rtol=1e-9
    )
    np.testing.assert_allclose(
        metrics.scale_aligned_mpjpe(factor * pred, target), metrics.scale_aligned_mpjpe(pred, target), rtol=1e-7
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), flatness=st.sampled_from([0.0, 1e-12, 1e-9, 1e-6, 1e-4, 1e-2, 1.0]))
def test_flat_and_thin_bodies_agree_with_the_loop(seed: int, flatness: float) -> None:
    rng = np.random.default_rng(seed)
    shape = np.array([1, 1, flatness]) if seed % 2 else np.array([1, flatness**0.5, flatness])
    target = rng.normal(size=(2, 14, 3)) * shape
    pred = target @ Rotation.random(random_state=seed).as_matrix().T + 1e-3 * rng.normal(size=target.shape)
    fitted = metrics.pa_mpjpe(pred, target)
    np.testing.assert_allclose(fitted, _loop(pred, target), rtol=1e-5, atol=1e-5)


class TestHazard04DegenerateInput:
    target = np.random.default_rng(4).normal(size=(1, 14, 3))

    def test_an_all_zero_prediction_collapses_onto_the_centre_of_the_truth(self) -> None:
        spread = np.linalg.norm(self.target - self.target.mean(1, keepdims=True), axis=-1).mean() * 1000
        assert float(metrics.pa_mpjpe(np.zeros((1, 14, 3)), self.target)) == pytest.approx(spread)
        assert float(metrics.scale_aligned_mpjpe(np.zeros((1, 14, 3)), self.target)) == pytest.approx(
            float(metrics.mpjpe(np.zeros((1, 14, 3)), self.target))
        )
        assert bool(metrics.degenerate(np.zeros((1, 14, 3)), self.target))

    def test_a_line_has_a_finite_error_and_is_called_degenerate(self) -> None:
        line = np.linspace(0, 1, 14)[None, :, None] * np.array([1.0, 2.0, 3.0])
        assert torch.isfinite(metrics.pa_mpjpe(line, self.target)).all()
        assert metrics.degenerate(line, self.target).all()
        assert float(metrics.pa_mpjpe(line, 2 * line[:, ::-1])) == pytest.approx(0, abs=1e-6)

    def test_a_plane_fits_its_turned_self(self) -> None:
        plane = self.target * [1, 1, 0]
        turned = plane @ Rotation.from_euler("xyz", [1, 2, 3]).as_matrix().T
        assert float(metrics.pa_mpjpe(turned, plane)) == pytest.approx(0, abs=1e-6)
        assert not metrics.degenerate(turned, plane).any()

    def test_nan_spoils_its_own_frame_and_no_other(self) -> None:
        pred, target = np.random.default_rng(5).normal(size=(2, 3, 14, 3))
        whole = metrics.pa_mpjpe(pred, target)
        pred[1, 3, 2] = np.nan
        for metric in (metrics.mpjpe, metrics.pa_mpjpe, metrics.scale_aligned_mpjpe, metrics.pck_3d, metrics.auc_3d):
            assert torch.isnan(metric(pred, target)).tolist() == [False, True, False]
        np.testing.assert_allclose(metrics.pa_mpjpe(pred, target)[[0, 2]], whole[[0, 2]])

    def test_one_visible_joint_or_none(self) -> None:
        one, none = np.eye(14, dtype=bool)[:1], np.zeros((1, 14), bool)
        pred = self.target + 0.1
        assert float(metrics.mpjpe(pred, self.target, one)) == pytest.approx(100 * 3**0.5)
        assert float(metrics.pa_mpjpe(pred, self.target, one)) == pytest.approx(0, abs=1e-9)
        assert bool(metrics.degenerate(pred, self.target, one))
        assert torch.isnan(metrics.mpjpe(pred, self.target, none)).all()
        assert torch.isnan(metrics.pa_mpjpe(pred, self.target, none)).all()


def test_hazard_05_masked_joints_neither_count_nor_steer_the_alignment() -> None:
    rng = np.random.default_rng(6)
    pred, target = rng.normal(size=(2, 5, 14, 3))
    mask = rng.random((5, 14)) > 0.4
    pred[~mask], target[~mask] = np.nan, 1e9
    kept = [_loop(p[m][None], t[m][None])[0] for p, t, m in zip(pred, target, mask, strict=True)]
    np.testing.assert_allclose(metrics.pa_mpjpe(pred, target, mask), kept, rtol=1e-7)
    assert torch.isfinite(metrics.mpjpe(pred, target, mask)).all()


def test_hazard_15_a_mesh_of_zeros_is_refused_and_pve_aligns_nothing() -> None:
    mesh = np.random.default_rng(7).normal(size=(2, 50, 3))
    with pytest.raises(ValueError, match="no mesh"):
        metrics.pve(mesh, np.zeros_like(mesh))
    np.testing.assert_allclose(metrics.pve(mesh + SHIFT, mesh), [100, 100])
    np.testing.assert_allclose(metrics.pa_pve(3 * mesh + SHIFT, mesh), [0, 0], atol=1e-9)
    counts = np.arange(50) < 49
    torn = np.where(counts[:, None], mesh + SHIFT, np.nan)
    np.testing.assert_allclose(metrics.pve(torn, mesh, np.stack([counts, counts])), [100, 100])


def test_thresholds_by_hand() -> None:
    target = np.zeros((1, 4, 3))
    pred = np.array([[[0.0, 0, 0], [0.15, 0, 0], [0.1501, 0, 0], [1, 0, 0]]])
    assert float(metrics.pck_3d(pred, target)) == 0.5
    by_hand = np.mean([[e <= limit for limit in range(0, 151, 5)] for e in (0, 150, 150.1, 1000)])
    assert float(metrics.auc_3d(pred, target)) == pytest.approx(by_hand)


def test_any_leading_axes_and_float32_work() -> None:
    pred, target = torch.randn(2, 3, 4, 14, 3)
    assert metrics.pa_mpjpe(pred, target).shape == (3, 4)
    assert metrics.pa_mpjpe(pred, target).dtype == torch.float64
    torch.testing.assert_close(metrics.pa_mpjpe(pred, target)[1], metrics.pa_mpjpe(pred[1], target[1]))


def test_different_shapes_are_an_error() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        metrics.mpjpe(np.zeros((2, 14, 3)), np.zeros((3, 14, 3)))
    with pytest.raises(ValueError, match="J, 3"):
        metrics.mpjpe(np.zeros((2, 14, 2)), np.zeros((2, 14, 2)))


def test_mirrored_share_counts_frames_better_flipped_in_depth() -> None:
    target = np.random.default_rng(0).normal(size=(10, 12, 3))
    pred = target.copy()
    pred[:3] *= [1, 1, -1]
    pred[9] = np.nan
    assert metrics.mirrored_share(pred, target) == 3 / 9
