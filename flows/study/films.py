"""The films of the preset `open-world`, and their way into lakes. Every step goes on where it was stopped."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from flows.films import harvest_all
from flows.progress import counting_bar
from flows.study.context import HeldOut
from flows.study.places import Places
from harvest.config import HarvestConfig
from openworld.film.batch import make_films
from openworld.film.truth import attach_truth
from openworld.motion.prior_poses import write_prior_poses
from openworld.motion.recorded import installed_motions
from openworld.worlds import mocap_world, study_world
from storage.lake import Lake

PHIS = ("blazepose_penultimate", "movenet_pyramid", "keypoints")


LAKES = {"labelled": ("labelled",), "held_out": ("dev", "test"), "lake": ("unlabelled",), "mocap": ("mocap",)}
"""Each lake below the study's folder, and the splits of films that go into it."""


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
    for name, splits in LAKES.items():
        harvest_films([films / split for split in splits], out / name, workers)
    return Places(out / "lake", out / "labelled", tuple(_held_out(out)), out, prior_poses)


def harvest_films(folders: Sequence[Path], lake: Path, workers: int) -> None:
    """Harvest the films of these folders and put their true 3D beside the tracklets. QuickstartError names failures."""
    harvest_all(folders, lake, HarvestConfig(workers=workers, retry_failed=True, phis=PHIS))
    for folder in folders:
        attach_truth(Lake(lake), folder)


def _held_out(out: Path) -> Iterator[HeldOut]:
    yield HeldOut("films", out / "held_out", ("dev", "test"))
    yield HeldOut("mocap", out / "mocap", ("mocap",))
