"""Names the code's commit and the versions of its packages, so that the numbers of a row can be repeated."""

import os
import subprocess
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

NAMED = (
    "torch", "numpy", "scipy", "numba", "imageio-ffmpeg", "yt-dlp", "onnxruntime", "ai-edge-litert", "deltalake",
    "prefect",
)  # fmt: skip
"""Packages whose version can change a number."""


@cache
def code_commit() -> str:
    """Git commit of the code that runs, with '+changes' if the tree differs from it; outside a checkout $HMMR_COMMIT,
    or 'unknown'."""
    root = Path(__file__).resolve().parents[1]

    def git(*args: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *args], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("HMMR_COMMIT", "unknown")


def package_versions() -> dict[str, str]:
    """Version of each installed package of NAMED."""
    versions = {}
    for name in NAMED:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions
