"""robots.txt and X-Robots-Tag, asked for plain web pages (sites with an extractor of their own have an API between)."""

from collections.abc import Callable
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from harvest.errors import RobotsRefused

REFUSING_TAGS = frozenset({"noai", "noimageai", "none", "noindex"})
"""X-Robots-Tag words that we take as a no: the two for machine learning, and the two for any index."""

Fetch = Callable[[str], "tuple[int, str]"]
"""URL -> (status, text); raises what it likes for a host that cannot be reached."""


class Robots:
    """Answers for one process, one robots.txt a host. RFC 9309: 4xx means no rules, 5xx means stay away."""

    def __init__(self, agent: str, fetch: Fetch) -> None:
        self._agent = agent
        self._fetch = fetch
        self._rules: dict[str, RobotFileParser] = {}

    def check(self, item: str, url: str) -> None:
        """RobotsRefused if the host's robots.txt forbids this address to our agent."""
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        if site not in self._rules:
            self._rules[site] = self._load(site)
        if not self._rules[site].can_fetch(self._agent, url):
            raise RobotsRefused(item, f"{site}/robots.txt forbids this address")

    def _load(self, site: str) -> RobotFileParser:
        rules = RobotFileParser()
        status, text = self._fetch(f"{site}/robots.txt")
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
