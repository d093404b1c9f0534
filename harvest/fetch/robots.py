"""robots.txt and X-Robots-Tag, asked for plain web pages (sites with an extractor of their own have an API between)."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from harvest.errors import RobotsRefused

REFUSING_TAGS = frozenset({"noai", "noimageai", "none", "noindex"})
"""X-Robots-Tag words that we take as a no: the two for machine learning, and the two for any index."""

Fetch = Callable[[str], "tuple[int, str]"]
"""URL -> (status, text); raises what it likes for a host that cannot be reached."""


KEPT_S = 24 * 3600.0
"""RFC 9309, 2.4: rules are not to be relied on for longer than a day."""


class Robots:
    """Answers for one process, one robots.txt a host and day. RFC 9309: 4xx means no rules, 5xx means stay away."""

    def __init__(self, agent: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._agent, self._clock = agent, clock
        self._rules: dict[str, tuple[float, RobotFileParser]] = {}

    def check(self, item: str, url: str, fetch: Fetch) -> None:
        """RobotsRefused if the host's robots.txt forbids this address to our agent. `fetch` is asked where no rules
        are known yet; that a host was in trouble (5xx) is not kept."""
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        until, rules = self._rules.get(site, (0.0, RobotFileParser()))
        if until <= self._clock():
            status, text = fetch(f"{site}/robots.txt")
            rules = _parsed(status, text)
            if status < 500:
                self._rules[site] = (self._clock() + KEPT_S, rules)
        if not rules.can_fetch(self._agent, url):
            raise RobotsRefused(item, f"{site}/robots.txt forbids this address")


def _parsed(status: int, text: str) -> RobotFileParser:
    rules = RobotFileParser()
    if status >= 500:
        text = "User-agent: *\nDisallow: /"
    elif status >= 400:
        text = ""
    rules.parse(text.splitlines())
    return rules


def check_robots_tag(item: str, header: str | None, agent: str) -> None:
    """RobotsRefused if an X-Robots-Tag header says no to everybody or to our agent by name."""
    for rule in (header or "").lower().split(","):
        name, _, words = rule.strip().rpartition(":")
        if name and name.strip() != agent.lower():
            continue
        if words.strip() in REFUSING_TAGS:
            raise RobotsRefused(item, f"X-Robots-Tag says {words.strip()}")
