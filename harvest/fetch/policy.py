"""Yes or no to a source before its bytes are fetched, with dated evidence. Unknown means no.

What a host states is open, closed, unknown, or open but not for commercial use or for derivatives, which a user must
ask for (harvest/fetch/licences.py). The user may vouch for a source (in the list, or with `--licence open` for all
sources of a call); a local file is vouched for by being named. The row then says "vouched DATE" rather than "open".
Sources: docs/design.md step 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from harvest.errors import (
    AddressRefused,
    AgeGated,
    LicenceClosed,
    LicenceUnknown,
    LiveStream,
    OptedOut,
    SourceRejected,
    TooLarge,
    TooLong,
    TooManyPixels,
)
from harvest.fetch.licences import ASKED_FOR, classify_licence
from harvest.fetch.network_guard import address_verdict
from harvest.fetch.optout import OptOutList
from harvest.sources.expand import Source


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
    """What can be said without asking the host. Raises OptedOut, LicenceClosed or AddressRefused."""
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
    """The same as an answer: why a source is not to be asked for, or None."""
    try:
        check_before_contact(source, policy)
    except SourceRejected as refusal:
        return refusal
    return None


def _literal_verdict(host: str, *, private_allowed: bool) -> str | None:
    """Why a host that is written as an address may not be asked, or None: of a name its lookup will tell."""
    try:
        return address_verdict("127.0.0.1" if host == "localhost" else host, private_allowed=private_allowed)
    except ValueError:
        return None


def check_metadata(source: Source, info: Mapping[str, Any], policy: Policy) -> Verdict:
    """Yes to what the host says about a video (a yt-dlp info dict), as a dated verdict; else a SourceRejected."""
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
    """TooLong or TooLarge; what the host does not say passes here and is held to the limit while it comes in."""
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
