"""Makes the quickstart's films and harvests them into lakes.

QuickstartConfig holds what the quickstart makes, trains and compares. `serve_folder` serves the unlabelled films by
HTTP on loopback, so that they are harvested by URL like any Internet video. The other films are harvested from their
files and get their true 3D.
"""

import contextlib
import http.server
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flows.progress import HarvestProgress, counting_bar
from harvest.config import HarvestConfig
from harvest.fetch.policy import Policy
from harvest.run import harvest
from openworld.film.batch import make_films
from openworld.film.truth import attach_truth
from openworld.motion.prior_poses import write_prior_poses
from openworld.worlds import quickstart_world
from storage.atomic import write_json_atomically
from storage.lake import Lake

STUDY = "quickstart"


@dataclass(frozen=True)
class QuickstartConfig:
    """Sizes that two cores finish in five minutes; every one of them ran."""

    out: Path = Path("out/quickstart")
    shares: tuple[float, ...] = (0.0, 0.5, 1.0)
    """Shares of the harvested hours; each contains the smaller ones."""
    seeds: tuple[int, ...] = (0, 1)
    steps: int = 400
    """Fewer than the preset's: all the cells within three minutes. More steps gain a few mm more (docs/LOG.md)."""
    step_shares_without_films: tuple[float, ...] = (0.4, 1.0)
    """Numbers of steps that the model without films may choose from on dev, as shares of the preset's."""
    workers: int = 2
    """Processes side by side, each of one thread."""

    @property
    def films(self) -> Path:
        """The films, one folder for each split."""
        return self.out / "films"

    @property
    def lake(self) -> Path:
        """The lake of the films harvested by URL, which also keeps the rows of runs and scores."""
        return self.out / "lake"

    @property
    def labelled(self) -> Path:
        """The labelled films as a lake with 3D labels."""
        return self.out / "labelled"

    @property
    def held_out(self) -> Path:
        """Dev and test films as a lake with 3D labels."""
        return self.out / "held_out"

    @property
    def prior_poses(self) -> Path:
        """Unpaired poses for the pose prior, from motion that no film shows."""
        return self.out / "prior_poses.npz"


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
        reasons = "; ".join(f"{trouble.name}: {trouble.message}" for trouble in report.troubles[:3])
        raise QuickstartError(f"{report.books.failed} films could not be harvested, run it again. {reasons}")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Prints nothing, so that requests do not disturb the harvest's progress on the terminal."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignores errors of a client that hangs up early, as a probe for the file's type does."""


@contextlib.contextmanager
def serve_folder(folder: Path, port_file: Path) -> Iterator[str]:
    """Serve `folder` on 127.0.0.1 while the context lives; yields the base URL, without a closing slash.

    The port is drawn once and kept in `port_file`: a URL is an item's identity in the ledger, so a run that goes on
    where it was must serve the same URLs. Raises OSError with the way out when that port has been taken since.
    """
    port = int(port_file.read_text()) if port_file.exists() else 0
    handler = partial(_Quiet, directory=str(folder))
    try:
        server = _Server(("127.0.0.1", port), handler)
    except OSError as error:
        raise OSError(
            f"port {port}, which this run's URLs name, is taken; free it or remove {port_file.parent} to start afresh"
        ) from error
    port_file.write_text(str(server.server_port))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
