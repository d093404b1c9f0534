"""robots.txt and X-Robots-Tag."""

from contextlib import suppress

import pytest

from harvest.errors import RobotsRefused
from harvest.fetch.policy import KEPT_S, Robots, check_robots_tag


def _allows(status: int, text: str, path: str = "/video/a.mp4") -> bool:
    asked: list[str] = []

    def fetch(url: str) -> tuple[int, str]:
        asked.append(url)
        return status, text

    now = [0.0]
    robots = Robots("hmmr-harvest", lambda: now[0])
    answers = []
    for _ in range(2):
        try:
            robots.check("item", f"https://example.org:8443{path}", fetch)
            answers.append(True)
        except RobotsRefused:
            answers.append(False)
    assert asked == ["https://example.org:8443/robots.txt"] * (2 if status >= 500 else 1)
    assert answers[0] == answers[1]
    now[0] = KEPT_S
    with suppress(RobotsRefused):
        robots.check("item", f"https://example.org:8443{path}", fetch)
    assert len(asked) == (3 if status >= 500 else 2), "rules are asked for anew after a day"
    return answers[0]


def test_rules() -> None:
    assert not _allows(200, "User-agent: *\nDisallow: /video/")
    assert _allows(200, "User-agent: *\nDisallow: /private/")
    assert not _allows(200, "User-agent: hmmr-harvest\nDisallow: /\n\nUser-agent: *\nAllow: /")
    assert _allows(200, "User-agent: other\nDisallow: /")
    assert _allows(200, "")


def test_no_rules_and_a_broken_host() -> None:
    assert _allows(404, "<html>")
    assert not _allows(503, "")


@pytest.mark.parametrize("tag", ["noai", "noindex, nofollow", "all, noimageai", "hmmr-harvest: none", "NOAI"])
def test_tag_that_refuses(tag: str) -> None:
    with pytest.raises(RobotsRefused):
        check_robots_tag("item", tag, "hmmr-harvest")


@pytest.mark.parametrize("tag", [None, "", "all", "nofollow", "otherbot: noai"])
def test_tag_that_does_not(tag: str | None) -> None:
    check_robots_tag("item", tag, "hmmr-harvest")
