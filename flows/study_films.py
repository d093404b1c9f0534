"""The films of the preset `open-world`, and their way into lakes. Every step goes on where it was stopped."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.bars import counting_bar
from flows.ground import HeldOut
from flows.harvest_bars import HarvestProgress
from flows.quickstart_films import QuickstartError
from flows.study_places import Places
from harvest.config import HarvestConfig
from harvest.run import harvest
from openworld.films import make_films
from openworld.prior import write_prior_poses
from openworld.recorded import installed_motions
from openworld.truth import attach_truth
from openworld.worlds import mocap_world, study_world
from storage.lake import Lake

PHIS = ("blazepose_penultimate", "movenet_pyramid", "keypoints")


@dataclass(frozen=True)
class StudyLake:
    """One lake of the study: which films go into it, and by which 2D networks."""

    name: str
    splits: tuple[str, ...]
    backend: str = "embedded"
    phis: tuple[str, ...] = PHIS


LAKES = (
    StudyLake("labelled", ("labelled",)),
    StudyLake("held_out", ("dev", "test")),
    StudyLake("lake", ("unlabelled",)),
    StudyLake("mocap", ("mocap",)),
)


def open_world_places(out: Path, workers: int) -> Places:
    """Films of hand-written motion and of recorded motion, harvested with three φ, their truth beside them."""
    films = out / "films"
    with counting_bar("making films") as progress:
        make_films(study_world(), films, progress)
    with counting_bar("making mocap films") as progress:
        make_films(mocap_world(installed_motions()), films, progress)
    prior_poses = out / "prior_poses.npz"
    if not prior_poses.exists():
        write_prior_poses(prior_poses)
    for wanted in LAKES:
        harvest_films(films, wanted, out / wanted.name, workers)
    return Places(out / "lake", out / "labelled", tuple(_held_out(out)), out, prior_poses)


def harvest_films(films: Path, wanted: StudyLake, lake: Path, workers: int) -> None:
    """Harvest those splits into the lake and put their true 3D beside the tracklets. QuickstartError names failures."""
    config = HarvestConfig(workers=workers, retry_failed=True, backend=wanted.backend, phis=wanted.phis,
                           truth_films=films if wanted.backend == "truth" else None)  # fmt: skip
    with HarvestProgress() as bars:
        report = harvest([films / split for split in wanted.splits], Lake(lake), config, bars)
    if report.books.failed:
        told = "; ".join(f"{trouble.name}: {trouble.message}" for trouble in report.troubles[:3])
        raise QuickstartError(f"{report.books.failed} films could not be harvested, run it again. {told}")
    for split in wanted.splits:
        attach_truth(Lake(lake), films / split)


def _held_out(out: Path) -> Iterator[HeldOut]:
    yield HeldOut("films", out / "held_out", ("dev", "test"))
    yield HeldOut("mocap", out / "mocap", ("mocap",))
