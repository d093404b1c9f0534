"""Finds the lakes of a study: those that the user names, or films that are made and harvested here."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.errors import ProtocolMismatchError
from evaluation.protocols.registry import PROTOCOLS, check_fits, protocol_named
from evaluation.study.config import StudyConfig, StudyConfigError
from flows.films import QuickstartConfig, harvest_all, harvest_by_url, harvest_with_truth, make_all_films
from flows.progress import counting_bar
from flows.study.cells import HeldOut, phis_of
from harvest.config import HarvestConfig
from openworld.film.batch import make_films
from openworld.film.truth import attach_truth
from openworld.motion.prior_poses import write_prior_poses
from openworld.motion.recorded import installed_motions
from openworld.worlds import mocap_world, study_world
from storage.lake import Lake
from storage.snapshot import freeze
from storage.tables import ZERO_SHOT

DEV = "dev"
TRAINING = ("labelled", "unlabelled", "train", "training", "")
"""Splits that nothing is scored on."""

_NAMED = re.compile(r"(?P<dataset>\w+)(:(?P<protocol>\w+))?=(?P<lake>.+)")


@dataclass(frozen=True)
class Places:
    """Where a study's data lie: the pool's lake, the labelled one, the test sets, and the folder for what is made."""

    lake: str | Path
    labelled: str | Path
    held_out: tuple[HeldOut, ...]
    out: Path
    prior_poses: Path | None = None
    perfect: str | Path | None = None
    """The pool's films once more, labelled by their truth; without it true 2D is read from the pool's labels3d."""

    def scored_on(self, *, score_test: bool) -> tuple[HeldOut, ...]:
        """The held-out sets with the splits that this run may score: dev, and the others only when asked."""
        scored = tuple(
            replace(test_set, splits=tuple(split for split in test_set.splits if score_test or split == DEV))
            for test_set in self.held_out
        )
        if not any(DEV in test_set.splits for test_set in scored):
            raise StudyConfigError("--held-out: no lake has the split dev, on which every choice is made")
        return tuple(test_set for test_set in scored if test_set.splits)


def given_places(
    lake: str | Path | None, labelled: str | Path | None, held_out: Sequence[str], out: Path,
    perfect: str | Path | None = None, prior_poses: Path | None = None,
) -> Places | None:  # fmt: skip
    """The user's own lakes; None where none was given. `held_out` are LAKE, NAME=LAKE or NAME:PROTOCOL=LAKE.

    StudyConfigError where one of the three was not named or a set cannot be scored, NoSuchLake where one is not there.
    """
    if lake is None and labelled is None and not held_out:
        return None
    if lake is None or labelled is None or not held_out:
        raise StudyConfigError("a study on your own data needs all of --lake, --labelled and --held-out")
    for folder in (lake, labelled, *([perfect] if perfect else [])):
        Lake(folder, create=False)
    sets = tuple(held_out_set(argument) for argument in held_out)
    if len({test_set.dataset for test_set in sets}) < len(sets):
        raise StudyConfigError("--held-out: two lakes of one name; give each its own, NAME=LAKE")
    return Places(lake, labelled, sets, out, prior_poses, perfect)


def held_out_set(argument: str) -> HeldOut:
    """One test set as the command line names it; its splits are those that its labels3d have."""
    parts = _NAMED.fullmatch(argument)
    dataset, path = (parts["dataset"], parts["lake"]) if parts else ("films", argument)
    protocol = parts["protocol"] if parts and parts["protocol"] else _protocol(dataset)
    try:
        check_fits(protocol_named(protocol), dataset, "keypoints_25")
    except ProtocolMismatchError as error:
        raise StudyConfigError(f"--held-out {argument}: {error}") from error
    splits = set(Lake(path, create=False).read("labels3d", ["split"]).column("split").unique().to_pylist())
    scored = tuple(sorted(splits - set(TRAINING), key=lambda split: (split != DEV, split)))
    if not scored:
        raise StudyConfigError(
            f"--held-out {argument}: no 3D labels of a held-out split, so nothing can be scored on it"
        )
    return HeldOut(dataset, place(path) or path, scored, protocol)


def place(given: str | None) -> str | Path | None:
    """A folder as a path; an s3:// URL as it is, because a path would lose one of its slashes."""
    return given if given is None or "://" in given else Path(given)


def film_places(out: Path, workers: int) -> Places:
    """Lakes of the quickstart's films below OUT. Films and lakes that exist are kept."""
    films = QuickstartConfig(out=out, workers=workers)
    make_all_films(films)
    harvest_by_url(films)
    harvest_with_truth(films)
    return Places(films.lake, films.labelled, (HeldOut("films", films.held_out, (DEV, "test")),), out,
                  films.prior_poses)  # fmt: skip


def _protocol(dataset: str) -> str:
    """The first protocol for the dataset that scores the universal keypoints: open_v1 for the open world's sets."""
    fitting = [p.id for p in PROTOCOLS.values() if dataset in p.datasets and p.joint_set == "keypoints_25"]
    if not fitting:
        known = sorted({name for p in PROTOCOLS.values() if p.joint_set == "keypoints_25" for name in p.datasets})
        raise StudyConfigError(f"--held-out {dataset}=...: no protocol is for {dataset}; known are {', '.join(known)}")
    return fitting[0]


def check_truth(config: StudyConfig, lake: str | Path, perfect: str | Path | None) -> None:
    """StudyConfigError where the grid asks for rows that need truth which the lakes do not have."""
    needs_truth = [("ceilings", config.ceilings)] + ([] if perfect else [("perfect_2d", config.perfect_2d)])
    if not any(shares for _, shares in needs_truth):
        return
    if Lake(lake).read("labels3d", ["tracklet_id"]).num_rows == 0:
        keys = " and ".join(key for key, shares in needs_truth if shares)
        raise StudyConfigError(f"{keys}: {lake} has no true 3D of its films; on real video write `[]` for each")


def perfect_pool(perfect: str | Path | None, phis: tuple[str, ...]) -> tuple[str | Path, str] | None:
    """The lake of --perfect with its snapshot; StudyConfigError where it was harvested without one of the φ."""
    if perfect is None:
        return None
    missing = {part for phi_name in phis for part in phi_name.split("+")} - phis_of(perfect)
    if missing:
        names = ", ".join("the 2D network's own 3D" if part == ZERO_SHOT else part for part in sorted(missing))
        raise StudyConfigError(f"--perfect {perfect}: harvested without {names}; harvest it with the study's --phi")
    return perfect, freeze(Lake(perfect)).digest


PHIS = ("blazepose_penultimate", "movenet_pyramid", "keypoints")


LAKES = {"labelled": ("labelled",), "held_out": ("dev", "test"), "lake": ("unlabelled",), "mocap": ("mocap",)}
"""Each lake below the study's folder, and the splits of films that go into it."""


def open_world_places(out: Path, workers: int) -> Places:
    """Lakes of the open world below OUT: films of procedural and of recorded motion, harvested with three φ."""
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
    """Harvests the films of these folders and adds their true 3D as labels3d. QuickstartError names failed films."""
    harvest_all(folders, lake, HarvestConfig(workers=workers, retry_failed=True, phis=PHIS))
    for folder in folders:
        attach_truth(Lake(lake), folder)


def _held_out(out: Path) -> Iterator[HeldOut]:
    yield HeldOut("films", out / "held_out", ("dev", "test"))
    yield HeldOut("mocap", out / "mocap", ("mocap",))
