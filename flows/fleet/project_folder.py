"""The pull step of our deployments: where a run's relative names (sources.yaml, lake, runs) begin.

A deployment holds no path. Each machine says where its project lies: $HMMR_PROJECT, else the folder in which its
worker was started. The code comes from the installed package, so nothing is fetched.
"""

import os
from pathlib import Path

PROJECT_VARIABLE = "HMMR_PROJECT"
"""Environment variable of a worker that names the folder its runs work in."""


def enter() -> dict[str, str]:
    """The folder, as Prefect wants it of a pull step. FileNotFoundError names the variable if it is not there."""
    named = os.environ.get(PROJECT_VARIABLE)
    # a worker starts each run in an empty folder of its own, but hands on the PWD that it was started with
    folder = Path(named or os.environ.get("PWD") or os.getcwd()).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"{PROJECT_VARIABLE}: no folder {folder} on this machine")
    return {"directory": str(folder)}
