"""What yt-dlp needs to run a site's scripts (YouTube's, since 2025): a JavaScript runtime, and its companion scripts.

yt-dlp decides which programs and versions it accepts. This file asks it, so that `hmmr doctor` and a download agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

SCRIPT_RUNTIMES: Mapping[str, dict[str, Any]] = {"deno": {}, "node": {}, "bun": {}, "quickjs": {}}
"""yt-dlp's option `js_runtimes` with all runtimes that it knows; by default it looks for Deno alone. Where the runtime
allows it (Deno, Node), yt-dlp denies the scripts access to files and the network."""

COMPANION = "yt-dlp-ejs"


@dataclass(frozen=True)
class ScriptRuntimes:
    """The runtimes on this machine, those that are too old for yt-dlp, and the companion's version, here and wanted."""

    ready: tuple[str, ...]
    too_old: tuple[str, ...]
    companion: str | None
    companion_wanted: str | None
    """None if this yt-dlp does not say."""

    @property
    def complete(self) -> bool:
        """Whether yt-dlp can run scripts."""
        return bool(self.ready) and self.companion is not None and self.companion_wanted in (None, self.companion)


def find_script_runtimes() -> ScriptRuntimes:
    """Runs each runtime that is on PATH once, for its version."""
    infos = [kind(path=None).info for kind in _kinds()]
    installed = [info for info in infos if info is not None]
    try:
        companion = metadata.version(COMPANION)
    except metadata.PackageNotFoundError:
        companion = None
    return ScriptRuntimes(
        ready=tuple(f"{info.name} {info.version}" for info in installed if info.supported),
        too_old=tuple(f"{info.name} {info.version}" for info in installed if not info.supported),
        companion=companion,
        companion_wanted=_companion_wanted(),
    )


def _kinds() -> list[Any]:
    import yt_dlp  # noqa: F401  fills the table
    from yt_dlp.globals import supported_js_runtimes

    return list(supported_js_runtimes.value.values())


def _companion_wanted() -> str | None:
    try:
        from yt_dlp.extractor.youtube.jsc._builtin import vendor
    except ImportError:  # not a public name of yt-dlp's
        return None
    return str(vendor.VERSION)
