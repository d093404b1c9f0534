"""`hmmr doctor`: what this machine can run, and what is missing for what."""

import importlib.util
import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import typer

app = typer.Typer(add_completion=False, help="What this machine can run, and what is missing.")


@dataclass(frozen=True)
class Finding:
    """One line of the report; `needed` findings that are not ok make the command end non-zero."""

    name: str
    ok: bool
    detail: str
    needed: bool = True


def _python() -> Finding:
    version = platform.python_version()
    return Finding("Python", version.startswith("3.11."), f"{version} (3.11 is needed)")


def _ffmpeg() -> Finding:
    from body.ffmpeg import ffmpeg_program

    program = ffmpeg_program()
    return Finding("ffmpeg", bool(program), str(program))


def _weights() -> Finding:
    from harvest.weights.files import BLAZEPOSE, NANODET, path
    from harvest.weights.packages import WeightsError

    try:
        return Finding("weights of the 2D networks", True, ", ".join(str(path(w)) for w in (NANODET, BLAZEPOSE)))
    except WeightsError as error:
        return Finding("weights of the 2D networks", False, str(error))


def _script_runtime() -> Finding:
    from harvest.fetch.script_runtime import COMPANION, find_script_runtimes

    found = find_script_runtimes()
    said = [f"runtimes: {', '.join(found.ready) or 'none'}"]
    if found.too_old:
        said.append(f"too old for yt-dlp: {', '.join(found.too_old)}")
    said.append(f"{COMPANION}: {found.companion or 'not installed'}")
    if found.companion_wanted not in (None, found.companion):
        said.append(f"run: pip install {COMPANION}=={found.companion_wanted}")
    name = "YouTube (a JavaScript runtime and yt-dlp's companion scripts; see docs/youtube.md)"
    return Finding(name, found.complete, "; ".join(said), needed=False)


def _gpu() -> Finding:
    import torch

    there = torch.cuda.is_available()
    return Finding("GPU", there, torch.cuda.get_device_name() if there else "none: everything runs on the CPU", False)


def _mmlab() -> Finding:
    there = importlib.util.find_spec("mmpose") is not None
    return Finding("mmdet and mmpose", there, "here" if there else "run: bash scripts/install_mmlab DIR", False)


def _disk() -> Finding:
    free_gb = shutil.disk_usage(os.getcwd()).free / 1e9
    return Finding("disk", free_gb > 5, f"{free_gb:.0f} GB free here")


CHECKS: tuple[Callable[[], Finding], ...] = (_python, _ffmpeg, _weights, _disk, _script_runtime, _gpu, _mmlab)


@app.command()
def doctor() -> None:
    """Look for every program, package and file that some part of the project needs, and say the way out."""
    findings = [check() for check in CHECKS]
    for finding in findings:
        mark = "ok     " if finding.ok else "MISSING" if finding.needed else "without"
        typer.echo(f"{mark}  {finding.name}: {finding.detail}")
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(1)
