"""The quickstart's films, and their way into lakes: the unlabelled ones by URL, the others with their truth."""

import json

from flows.quickstart_config import QuickstartConfig
from flows.serve import serve_folder
from harvest.config import HarvestConfig
from harvest.policy import Policy
from harvest.run import harvest
from openworld.films import make_films
from openworld.prior import write_prior_poses
from openworld.truth import attach_truth
from openworld.worlds import quickstart_world
from storage.lake import Lake


def make_all_films(config: QuickstartConfig) -> None:
    """Films of all four splits with their truth, and the unpaired poses of the prior."""
    make_films(quickstart_world(), config.films)
    if not config.prior_poses.exists():
        write_prior_poses(config.prior_poses)


def harvest_by_url(config: QuickstartConfig) -> None:
    """Serve the unlabelled films on loopback and harvest them by URL through yt-dlp, as any Internet video."""
    folder = config.films / "unlabelled"
    with serve_folder(folder, config.out / "port") as base:
        urls = [f"{base}/{film.name}" for film in sorted(folder.glob("*.mp4"))]
        sources = config.out / "sources.json"
        sources.write_text(json.dumps({"defaults": {"licence": "open", "tags": ["synthetic"]}, "sources": urls}))
        harvest([str(sources)], Lake(config.lake), HarvestConfig(workers=config.workers, policy=Policy(allow_private=True)))
    attach_truth(Lake(config.lake), folder)


def harvest_with_truth(config: QuickstartConfig) -> None:
    """Labelled, dev and test films by the same harvest, then their true 3D beside the tracklets."""
    for lake, splits in ((config.labelled, ("labelled",)), (config.held_out, ("dev", "test"))):
        for split in splits:
            harvest([str(config.films / split)], Lake(lake), HarvestConfig(workers=config.workers))
            attach_truth(Lake(lake), config.films / split)
