"""The quickstart's films, and their way into lakes: the unlabelled ones by URL, the others with their truth."""

from collections.abc import Sequence
from pathlib import Path

from flows.bars import counting_bar
from flows.harvest_bars import HarvestProgress
from flows.quickstart_config import QuickstartConfig
from flows.serve import serve_folder
from harvest.config import HarvestConfig
from harvest.fetch.policy import Policy
from harvest.run import harvest
from openworld.film.batch import make_films
from openworld.film.truth import attach_truth
from openworld.motion.prior_poses import write_prior_poses
from openworld.worlds import quickstart_world
from storage.atomic import write_json_atomically
from storage.lake import Lake


class QuickstartError(RuntimeError):
    """A step could not be finished; the message names the item and the way out."""


def make_all_films(config: QuickstartConfig) -> None:
    """Films of all four splits with their truth, and the unpaired poses of the prior."""
    with counting_bar("making films") as progress:
        make_films(quickstart_world(), config.films, progress)
    if not config.prior_poses.exists():
        write_prior_poses(config.prior_poses)


def harvest_by_url(config: QuickstartConfig) -> None:
    """Serve the unlabelled films on loopback and harvest them by URL through yt-dlp, as any Internet video.

    Their truth is put beside the tracklets for the supervised ceiling; nothing else reads it.
    """
    folder = config.films / "unlabelled"
    with serve_folder(folder, config.out / "port") as base:
        urls = [f"{base}/{film.name}" for film in sorted(folder.glob("*.mp4"))]
        entries = {"defaults": {"licence": "open", "tags": ["synthetic"]}, "sources": urls}
        sources = write_json_atomically(config.out / "sources.json", entries)
        settings = HarvestConfig(workers=config.workers, retry_failed=True, policy=Policy(allow_private=True))
        harvest_all([sources], config.lake, settings)
    attach_truth(Lake(config.lake), folder)


def harvest_with_truth(config: QuickstartConfig) -> None:
    """Labelled, dev and test films by the same harvest, then their true 3D beside the tracklets."""
    for lake, splits in ((config.labelled, ("labelled",)), (config.held_out, ("dev", "test"))):
        settings = HarvestConfig(workers=config.workers, retry_failed=True)
        harvest_all([config.films / split for split in splits], lake, settings)
        for split in splits:
            attach_truth(Lake(lake), config.films / split)


def harvest_all(sources: Sequence[Path], lake: Path, config: HarvestConfig) -> None:
    """Harvest with bars; QuickstartError names the films that failed."""
    with HarvestProgress() as bars:
        report = harvest(sources, Lake(lake), config, bars)
    if report.books.failed:
        told = "; ".join(f"{trouble.name}: {trouble.message}" for trouble in report.troubles[:3])
        raise QuickstartError(f"{report.books.failed} films could not be harvested, run it again. {told}")
