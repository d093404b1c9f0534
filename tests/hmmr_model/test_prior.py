import pytest
import torch

from hmmr_model.prior import PosePrior, discriminator_loss, generator_loss


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
