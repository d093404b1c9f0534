"""One budget a host for all workers and all machines: it lies in the ledger, and a host's "later" is obeyed.

A short wait is waited for inside the run; a long one leaves the host's other items pending, and the run goes on with
other hosts.
"""

import ipaddress
import time
from dataclasses import dataclass

from harvest.errors import Banned, HarvestError, RateLimited
from harvest.sources import Source
from storage.ledger import Ledger


@dataclass(frozen=True)
class PaceConfig:
    """What one host is asked for at most."""

    interval_s: float = 1.0
    """Least time between two items of a public host."""
    per_day: int | None = 2000
    """Most items a day of one host; yt-dlp's wiki gives guests of the largest one about 300 videos an hour."""
    patience_s: float = 60.0
    """A wait up to this is waited for; a longer one ends the item's turn in this run."""
    tries: int = 3
    """How often one run tries an item whose waits are short."""
    own_hosts: bool = False
    """Whether loopback and private addresses have a budget too."""


class Pace:
    """Spends budgets before a download, and notes bans after one."""

    def __init__(self, ledger: Ledger, config: PaceConfig) -> None:
        self._hosts, self._config = ledger.hosts, config
        self._limited: set[str] = set()

    def wait_s(self, source: Source) -> float:
        """Seconds until this source may be fetched; its place in the queue is taken. 0 for files, for S3, which is
        there to be read fast, and for addresses of the user's own network."""
        if not source.is_url or source.is_s3 or source.problem is not None or self._is_own(source.host):
            return 0.0
        if source.host not in self._limited:
            self._hosts.limit(source.host, interval_s=self._config.interval_s, per_day=self._config.per_day)
            self._limited.add(source.host)
        return self._hosts.spend(source.host)

    def _is_own(self, host: str) -> bool:
        """Whether it is written as a private or loopback address; a name is taken for a public host's."""
        if self._config.own_hosts:
            return False
        try:
            return not ipaddress.ip_address(host).is_global
        except ValueError:
            return host == "localhost"

    def note(self, source: Source, error: HarvestError) -> None:
        """A host that asks for patience gets it from everybody."""
        if isinstance(error, RateLimited | Banned) and error.retry_after_s:
            self._hosts.ban(source.host, time.time() + error.retry_after_s)
