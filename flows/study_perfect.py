"""The rows that know the pool's films' truth: the supervised ceiling, and perfect 2D in the place of the detected."""

from pathlib import Path

from evaluation.study.config import StudyConfig, StudyConfigError
from flows.study.ground import phis_of
from storage.lake import Lake
from storage.snapshot import freeze
from storage.tables import ZERO_SHOT


def check_truth(config: StudyConfig, lake: Path, perfect: Path | None) -> None:
    """StudyConfigError where the grid asks for rows that need truth which the lakes do not have."""
    wanted = [("ceilings", config.ceilings)] + ([] if perfect else [("perfect_2d", config.perfect_2d)])
    if not any(shares for _, shares in wanted):
        return
    if Lake(lake).read("labels3d", ["tracklet_id"]).num_rows == 0:
        named = " and ".join(key for key, shares in wanted if shares)
        raise StudyConfigError(f"{named}: {lake} has no true 3D of its films; on real video write `[]` for each")


def perfect_pool(perfect: Path | None, phis: tuple[str, ...]) -> tuple[Path, str] | None:
    """The lake of --perfect with its snapshot; StudyConfigError where it was harvested without one of the φ."""
    if perfect is None:
        return None
    missing = {part for phi_name in phis for part in phi_name.split("+")} - phis_of(perfect)
    if missing:
        named = ", ".join("the 2D network's own 3D" if part == ZERO_SHOT else part for part in sorted(missing))
        raise StudyConfigError(f"--perfect {perfect}: harvested without {named}; harvest it with the study's --phi")
    return perfect, freeze(Lake(perfect)).digest
