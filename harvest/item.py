"""One item from its address to its labels: checks the policy, downloads, labels, and removes the file again."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from harvest.config import HarvestConfig
from harvest.errors import Erased, Unreadable
from harvest.fetch.download import AGENT, discard, download
from harvest.fetch.pace import Pace
from harvest.fetch.policy import Robots, check_before_contact, check_limits, licence_verdict
from harvest.fetch.s3 import fetch_object
from harvest.label import LabelledVideo, Labeller
from harvest.registry import make_backend, make_phis
from harvest.sources.expand import Source
from storage.ledger.ledger import Ledger

Report = Callable[[str, int, "int | None"], None]
"""(stage, done, total)"""


class ItemWorker:
    """Loads the networks once, then labels item after item."""

    def __init__(self, config: HarvestConfig, downloads: Path, ledger_url: str) -> None:
        self._config, self._downloads = config, downloads
        ledger = Ledger(ledger_url)
        self._pace, self._robots = Pace(ledger, config.pace), Robots(AGENT)
        self._graves = ledger.tombstones
        backend = make_backend(config)
        self._labeller = Labeller(
            backend, make_phis(config.phis, config.device), config.label, config.policy, cache=downloads,
            threads=config.threads or 1,
        )  # fmt: skip

    def do(self, source: Source, report: Report) -> LabelledVideo:
        """Labels of one item. Raises HarvestError; a half-downloaded part stays for the next try, a whole file goes."""
        if source.problem is not None:
            raise source.problem
        return self._remote(source, report) if source.is_url else self._local(source, report)

    def _local(self, source: Source, report: Report) -> LabelledVideo:
        policy = self._config.policy
        check_before_contact(source, policy)
        path = Path(source.address)
        try:
            check_limits(source, policy, seconds=None, size=path.stat().st_size)
        except OSError as error:
            raise Unreadable(source.name, error.strerror or str(error)) from error
        verdict = licence_verdict(source, {}, policy)
        return self._labeller.label(
            path, source, verdict, admit=partial(self._refuse_erased, source, None),
            progress=lambda done, total: report("label", done, total),
        )  # fmt: skip

    def _refuse_erased(self, source: Source, uploader: str | None, content: str) -> None:
        """What was erased does not come back under another address."""
        if self._graves.has("content", content) or (uploader and self._graves.has("uploader", uploader)):
            raise Erased(source.name, "was erased from this lake, under this address or another")

    def _remote(self, source: Source, report: Report) -> LabelledVideo:
        config = self._config
        fetch = fetch_object if source.is_s3 else partial(download, pace=self._pace, robots=self._robots)
        got = fetch(
            source, self._downloads / source.item_id, config.policy, config.download,
            progress=lambda done, total: report("download", done, total),
        )  # fmt: skip
        try:
            origin = {"title": got.title, "uploader": got.uploader, "provenance": got.provenance}
            return self._labeller.label(
                got.path, source, got.verdict, origin=origin,
                admit=partial(self._refuse_erased, source, got.uploader),
                progress=lambda done, total: report("label", done, total),
            )  # fmt: skip
        finally:
            discard(source, self._downloads / source.item_id)
