from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hmmr_model import prior as prior_poses
from hmmr_model.configs import DataConfig
from hmmr_model.data import TrainingSet
from hmmr_model.prior import (
    NoPriorPosesError,
    PosePrior,
    discriminator_loss,
    generator_loss,
    labelled_poses,
    read_prior_poses,
)
from hmmr_model.tracks import Track


def _poses(n: int = 6) -> torch.Tensor:
    return torch.randn(n, 24, 3, 3, generator=torch.Generator().manual_seed(0))


def test_gives_24_scores_and_never_looks_at_the_root() -> None:
    torch.manual_seed(0)
    prior, poses = PosePrior(16), _poses()
    scores = prior(poses)
    assert scores.shape == (6, 24)
    turned = poses.clone()
    turned[:, 0] = 9.0
    assert torch.equal(prior(turned), scores)


def test_each_joints_score_depends_on_that_joint_alone() -> None:
    prior, poses = PosePrior(16), _poses()
    moved = poses.clone()
    moved[:, 5] += 1.0
    changed = (prior(moved) != prior(poses)).any(dim=0)
    assert changed.nonzero().flatten().tolist() == [4, 23]  # joint 5 of the body is critic 4; 23 sees the whole pose


def test_losses_sum_the_scores_before_the_mean_over_poses() -> None:
    assert generator_loss(torch.zeros(10, 24)).item() == 24.0
    assert generator_loss(torch.ones(10, 24)).item() == 0.0
    assert discriminator_loss(torch.zeros(5, 24), torch.ones(5, 24)).item() == 0.0
    assert discriminator_loss(torch.ones(5, 24), torch.zeros(5, 24)).item() == 48.0


def test_learns_to_tell_real_from_made_up() -> None:
    torch.manual_seed(0)
    prior = PosePrior(16)
    optimiser = torch.optim.Adam(prior.parameters(), 1e-2)
    real, fake = torch.eye(3).expand(32, 24, 3, 3), torch.randn(32, 24, 3, 3)
    for _ in range(60):
        optimiser.zero_grad()
        discriminator_loss(prior(fake), prior(real)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert prior(real).mean().item() == pytest.approx(1.0, abs=0.2)
    assert prior(fake).mean().item() == pytest.approx(0.0, abs=0.2)


def test_the_papers_prior_has_the_papers_layers() -> None:
    shapes = [tuple(p.shape) for p in PosePrior(1024).parameters() if p.dim() == 2]
    assert shapes == [(23, 32), (32, 9), (32, 32), (1024, 736), (1024, 1024), (1, 1024)]


def test_reads_matrices_of_our_own(tmp_path: Path) -> None:
    rotations = np.random.default_rng(0).normal(size=(7, 24, 3, 3)).astype(np.float32)
    np.savez(tmp_path / "poses.npz", rotations=rotations)
    assert np.array_equal(read_prior_poses(tmp_path / "poses.npz").numpy(), rotations)


def test_reads_amass_and_leaves_its_hands_at_rest(tmp_path: Path) -> None:
    (tmp_path / "CMU").mkdir()
    poses = np.random.default_rng(0).normal(size=(5, 156)) * 0.5
    np.savez(tmp_path / "CMU" / "walk_poses.npz", poses=poses, trans=np.zeros((5, 3)), betas=np.zeros(16))
    np.savez(tmp_path / "CMU" / "shape.npz", betas=np.zeros(16))
    found = read_prior_poses(tmp_path).numpy()
    expected = Rotation.from_rotvec(poses[:, :66].reshape(-1, 3)).as_matrix().reshape(5, 22, 3, 3)
    np.testing.assert_allclose(found[:, :22], expected, atol=1e-5)
    np.testing.assert_allclose(found[:, 22:], np.tile(np.eye(3), (5, 2, 1, 1)), atol=1e-7)


def test_many_files_are_thinned_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prior_poses, "MAX_POSES", 10)
    np.savez(tmp_path / "a.npz", poses=np.arange(25)[:, None] * np.ones(72) * 1e-3)
    assert len(read_prior_poses(tmp_path)) == 9


@pytest.mark.parametrize(
    "content", [{"betas": np.zeros(3)}, {"rotations": np.zeros((3, 22, 3, 3))}, {"poses": np.zeros((3, 60))}]
)
def test_nothing_usable_is_an_error_by_name(tmp_path: Path, content: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "odd.npz", **content)
    with pytest.raises(NoPriorPosesError, match=r"odd.npz"):
        read_prior_poses(tmp_path / "odd.npz")


def test_an_npz_with_a_pickle_inside_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", rotations=np.array([{"a": 1}], dtype=object))
    with pytest.raises(NoPriorPosesError, match=r"evil.npz"):
        read_prior_poses(tmp_path / "evil.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(NoPriorPosesError, match=r"text.npz"):
        read_prior_poses(tmp_path / "text.npz")


def test_falls_back_to_the_labelled_poses_that_have_rotations(make_tracks: Callable[..., list[Track]]) -> None:
    tracks = make_tracks([30, 20])
    assert tracks[1].labels is not None
    tracks[1] = replace(tracks[1], labels=replace(tracks[1].labels, rotations_weight_T=np.zeros(20, np.float32)))
    assert labelled_poses(TrainingSet(tracks, [], DataConfig(batch=2), 0)).shape == torch.Size([30, 24, 3, 3])
    with pytest.raises(NoPriorPosesError):
        labelled_poses(TrainingSet(tracks[1:], [], DataConfig(batch=2), 0))


def test_a_damaged_archive_of_poses_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "poses.npz", rotations=np.tile(np.eye(3), (5, 24, 1, 1)))
    content = bytearray((tmp_path / "poses.npz").read_bytes())
    content[300] ^= 255  # inside the array: the archive's checksum fails
    (tmp_path / "poses.npz").write_bytes(content)
    with pytest.raises(NoPriorPosesError, match=r"poses\.npz"):
        read_prior_poses(tmp_path / "poses.npz")
