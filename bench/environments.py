"""Environments for what is measured but is no dependency: made at the first run, below ~/.cache/hmmr/bench."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path


def environment_with(*requirements: str) -> Path:
    """The interpreter of an environment that has these packages, pinned as NAME==VERSION. CalledProcessError if they
    cannot be installed."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    marks = requirements[0].replace("==", "-") if len(requirements) == 1 else _digest(requirements)
    folder = cache / "hmmr" / "bench" / marks
    python, stamp = folder / "bin" / "python", folder / "installed"
    if not stamp.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-qq", *requirements]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
        stamp.touch()
    return python


def _digest(requirements: tuple[str, ...]) -> str:
    first = requirements[0].partition("==")[0]
    return f"{first}-{hashlib.sha256(' '.join(requirements).encode()).hexdigest()[:8]}"
