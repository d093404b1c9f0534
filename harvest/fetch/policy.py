"""Decides, before any bytes are fetched, whether a source may be, and records the evidence with its date. An unknown
licence is refused.

What a host states is open, closed, unknown, or open but not for commercial use or for derivatives, which a user must
ask for (harvest/fetch/licences.py). The user may vouch for a source (in the list, or with `--licence open` for all
sources of a call); a local file is vouched for by being named. The row then says "vouched DATE" rather than "open".
Sources: docs/design.md step 2.

The opt-out list is a text file, one wish a line: `host example.org`, `uploader @name`, `url https://...` (with or
without the word `url`; a trailing * matches a prefix), `id 3f2a...` (an item id, as `hmmr lake erase` prints it).
# starts a comment. robots.txt and X-Robots-Tag are asked for plain web pages only: sites with an extractor of their own
have an API between.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from harvest.errors import (
    AddressRefused,
    AgeGated,
    LicenceClosed,
    LicenceUnknown,
    LiveStream,
    OptedOut,
    RobotsRefused,
    SourceRejected,
    TooLarge,
    TooLong,
    TooManyPixels,
)
from harvest.fetch.licences import ASKED_FOR, classify_licence
from harvest.fetch.network_guard import address_verdict
from harvest.identity import canonical_address, loose_address
from harvest.sources.expand import Source

AGENT = "hmmr-harvest"
"""Our name in user agents and in robots.txt."""


def user_agent(contact: str) -> str:
    """The User-Agent header of every request; `contact` is the user's mail address or page, or empty."""
    return f"{AGENT}/0.1" + (f" (+{contact})" if contact else "")


_KINDS = ("host", "uploader", "url", "id")


@dataclass(frozen=True)
class OptOutList:
    """Parsed wishes, as (kind, text) pairs in canonical form."""

    wishes: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def load(cls, path: Path) -> "OptOutList":
        """Read a list. ValueError names the line that is wrong: a wish that is not understood must not be dropped."""
        wishes = set()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            wish = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
            if wish:
                try:
                    wishes.add(_parse(wish))
                except ValueError as error:
                    raise ValueError(f"{path}:{number}: {error}") from error
        return cls(frozenset(wishes))

    def match(self, *, url: str = "", host: str = "", uploader: str = "", content_id: str = "") -> str | None:
        """The wish that covers any of these, as text for the ledger; None if there is none."""
        for kind, text in sorted(self.wishes):
            if _covers(kind, text, url=url, host=host, uploader=uploader.lower(), content_id=content_id):
                return f"{kind} {text}"
        return None


def _parse(line: str) -> tuple[str, str]:
    kind, _, text = line.partition(" ")
    if kind not in _KINDS:
        kind, text = "url", line
    text = text.strip()
    if not text:
        raise ValueError(f"nothing after {kind!r}")
    if kind == "url":
        prefix = text.endswith("*")
        return kind, canonical_address(text.rstrip("*")) + ("*" if prefix else "")
    return kind, text.lower()


def _covers(kind: str, text: str, *, url: str, host: str, uploader: str, content_id: str) -> bool:
    if kind == "host":
        return host == text or host.endswith("." + text)
    if kind == "uploader":
        return uploader.lstrip("@") == text.lstrip("@") and bool(uploader)
    if kind == "id":
        return content_id.lower() == text
    loose, wish = loose_address(url), loose_address(text.removesuffix("*"))
    if text.endswith("*"):
        return url.startswith(text[:-1]) or loose.startswith(wish)
    return url == text or (bool(url) and loose == wish)


@dataclass(frozen=True)
class Policy:
    """What this harvest may fetch. Sources may tighten the limits, and vouch for their licence, one by one."""

    licence: str | None = None
    """"open": the user vouches for every source of this call."""
    also: tuple[str, ...] = ()
    """Licences that are taken beside the open ones: nc, nd, nc-nd."""
    allow_private: bool = False
    """Hosts that the user wrote into a source may be loopback or private."""
    opt_out: OptOutList = field(default_factory=OptOutList)
    max_seconds: float = 3 * 3600.0
    max_bytes: int = 2 << 30
    max_pixels: int = 4096 * 2304
    """Of one frame: 4K passes, 8K does not."""
    obey_robots: bool = True


@dataclass(frozen=True)
class Verdict:
    """The licence as the tables keep it, and what it rests on."""

    licence: str
    evidence: Mapping[str, Any]


def check_before_contact(source: Source, policy: Policy) -> None:
    """Makes the checks that need no request to the host. Raises OptedOut, LicenceClosed or AddressRefused."""
    reason = policy.opt_out.match(url=source.address, host=source.host, content_id=source.item_id)
    if reason:
        raise OptedOut(source.name, f"on the opt-out list ({reason})")
    if source.licence == "closed":
        raise LicenceClosed(source.name, "licence is closed (says the source list)")
    if source.is_url and not source.host:
        raise AddressRefused(source.name, "has no host name")
    verdict = _literal_verdict(source.host, private_allowed=policy.allow_private and source.named_by_user)
    if verdict:
        raise AddressRefused(source.name, f"address refused: {verdict}; private hosts need --allow-private")


def refused_before_contact(source: Source, policy: Policy) -> SourceRejected | None:
    """As `check_before_contact`, but returns the refusal and does not raise it; None if there is none."""
    try:
        check_before_contact(source, policy)
    except SourceRejected as refusal:
        return refusal
    return None


def _literal_verdict(host: str, *, private_allowed: bool) -> str | None:
    """Why a host that is given as an IP address may not be asked, or None. Host names are checked at look-up."""
    try:
        return address_verdict("127.0.0.1" if host == "localhost" else host, private_allowed=private_allowed)
    except ValueError:
        return None


def check_metadata(source: Source, info: Mapping[str, Any], policy: Policy) -> Verdict:
    """Checks what the host says about a video (a yt-dlp info dict). Returns the dated verdict; raises a SourceRejected
    for a no."""
    name = source.name
    if info.get("is_live") or info.get("live_status") in {"is_live", "is_upcoming"}:
        raise LiveStream(name, "is a live stream; give the address of its recording")
    if (info.get("age_limit") or 0) >= 18:
        raise AgeGated(name, "is age-gated by its host")
    uploader = str(info.get("uploader_id") or info.get("uploader") or "")
    reason = policy.opt_out.match(url=str(info.get("webpage_url") or ""), uploader=uploader)
    if reason:
        raise OptedOut(name, f"on the opt-out list ({reason})")
    check_limits(source, policy, seconds=info.get("duration"), size=info.get("filesize"))
    width, height = info.get("width") or 0, info.get("height") or 0
    if width * height > policy.max_pixels:
        raise TooManyPixels(
            name, f"its host has it as {width} x {height} only, the limit is {policy.max_pixels} pixels"
        )
    return licence_verdict(source, info, policy)


def check_limits(source: Source, policy: Policy, *, seconds: float | None, size: int | None) -> None:
    """Raises TooLong or TooLarge. A size that the host does not state passes here; the download enforces the limit."""
    if seconds is not None and not source.sections_s and seconds > seconds_limit(source, policy):
        raise TooLong(source.name, f"{seconds:.0f} s, the limit is {seconds_limit(source, policy):.0f} s")
    if size is not None and size > bytes_limit(source, policy):
        raise TooLarge(source.name, f"{size} bytes, the limit is {bytes_limit(source, policy)}")


def seconds_limit(source: Source, policy: Policy) -> float:
    """The longest video that this source may be, s."""
    return min(policy.max_seconds, source.max_seconds or policy.max_seconds)


def bytes_limit(source: Source, policy: Policy) -> int:
    """The largest file that this source may be, bytes."""
    return min(policy.max_bytes, source.max_bytes or policy.max_bytes)


def licence_verdict(source: Source, info: Mapping[str, Any], policy: Policy) -> Verdict:
    """Raises LicenceClosed or LicenceUnknown unless somebody says that the video may be used."""
    now = datetime.now(UTC)
    stated = info.get("license")
    evidence = {
        "checked_at": now.isoformat(timespec="seconds"),
        "host_says": stated,
        "page": info.get("webpage_url") or (source.address if source.is_url else None),
        "vouched_by": _voucher(source, policy),
    }
    if evidence["vouched_by"]:
        return Verdict(f"vouched {now:%Y-%m-%d}", evidence)
    state = classify_licence(stated)
    if source.licence == "closed" or state == "closed":
        raise LicenceClosed(source.name, f"licence is closed ({stated or 'says the source list'})")
    if state in ASKED_FOR:
        if state not in policy.also:
            raise LicenceClosed(source.name, f"licence is {state} ({stated}); --also {state} takes it")
        return Verdict(state, evidence)
    if state == "unknown":
        raise LicenceUnknown(
            source.name, f"licence is not known ({stated or 'the host says nothing'}); "
            "if you know that it is open, say so in the source list or with --licence open",
        )  # fmt: skip
    return Verdict("open", evidence)


def _voucher(source: Source, policy: Policy) -> str | None:
    if source.licence == "closed":
        return None
    if source.licence == "open":
        return "source list"
    if policy.licence == "open":
        return "--licence open"
    return None if source.is_url else "local file named by the user"


REFUSING_TAGS = frozenset({"noai", "noimageai", "none", "noindex"})
"""X-Robots-Tag words that refuse a fetch: two against machine learning, two against any index."""

Fetch = Callable[[str], "tuple[int, str]"]
"""URL -> (status, text). For a host that cannot be reached it may raise any error."""


KEPT_S = 24 * 3600.0
"""RFC 9309, 2.4: rules are not to be relied on for longer than a day."""


class Robots:
    """Checks addresses against robots.txt, fetched once a host and day. RFC 9309: 4xx is no rules, 5xx forbids all."""

    def __init__(self, agent: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._agent, self._clock = agent, clock
        self._rules: dict[str, tuple[float, RobotFileParser]] = {}

    def check(self, item: str, url: str, fetch: Fetch) -> None:
        """RobotsRefused if the host's robots.txt forbids this address to our agent. Calls `fetch` where no rules are
        known; an answer of 5xx is not remembered."""
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
