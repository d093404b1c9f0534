"""`hmmr doctor`: what this machine can run, and what is missing for what."""

import importlib.util
import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

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

    runtimes = find_script_runtimes()
    remarks = [f"runtimes: {', '.join(runtimes.ready) or 'none'}"]
    if runtimes.too_old:
        remarks.append(f"too old for yt-dlp: {', '.join(runtimes.too_old)}")
    remarks.append(f"{COMPANION}: {runtimes.companion or 'not installed'}")
    if runtimes.companion_wanted not in (None, runtimes.companion):
        remarks.append(f"run: pip install {COMPANION}=={runtimes.companion_wanted}")
    name = "YouTube (a JavaScript runtime and yt-dlp's companion scripts; see docs/youtube.md)"
    return Finding(name, runtimes.complete, "; ".join(remarks), needed=False)


def _gpu() -> Finding:
    import torch

    has_gpu = torch.cuda.is_available()
    return Finding(
        "GPU", has_gpu, torch.cuda.get_device_name() if has_gpu else "none: everything runs on the CPU", False
    )


def _onnxruntime() -> Finding:
    """Which of the two packages of ONNX Runtime is active. They write the same files, so the one that was installed
    last is, and with both installed an update of either may change it."""
    import onnxruntime

    installed = [name for name in ("onnxruntime", "onnxruntime-gpu") if _version(name)]
    devices = ", ".join(name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers())
    detail = f"{' and '.join(f'{name} {_version(name)}' for name in installed)}: {devices}"
    if len(installed) == 2:
        detail += "; they exclude each other: pip uninstall both, then install the one that you want"
    return Finding("ONNX Runtime (harvest on a GPU needs CUDA here)", len(installed) < 2, detail, needed=False)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _mmlab() -> Finding:
    has_mmpose = importlib.util.find_spec("mmpose") is not None
    return Finding(
        "mmdet and mmpose", has_mmpose, "here" if has_mmpose else "run: bash scripts/install_mmlab DIR", False
    )


def _decoder() -> Finding:
    from body.ffmpeg import without_network

    alone = bool(without_network())
    detail = (
        "has no network" if alone else "keeps the network: `unshare` is missing, or user namespaces are forbidden here"
    )
    return Finding("decoder", alone, detail, False)


def _disk() -> Finding:
    free_gb = shutil.disk_usage(os.getcwd()).free / 1e9
    return Finding("disk", free_gb > 5, f"{free_gb:.0f} GB free here")


def _ledger() -> Finding:
    from sqlalchemy import create_engine, make_url, text
    from sqlalchemy.exc import SQLAlchemyError

    from storage.layout import LEDGER_VARIABLE, lake_root

    name, url = f"ledger ({LEDGER_VARIABLE})", os.environ.get(LEDGER_VARIABLE)
    if not url:
        remote = lake_root(None).startswith("s3://")
        way_out = "the lake is on S3: set it to a SQLAlchemy URL, postgresql://USER:PASSWORD@HOST/NAME"
        return Finding(name, not remote, way_out if remote else "not set: each lake has its own in its folder")
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        options = {"connect_timeout": 5} if parsed.get_backend_name() == "postgresql" else {}
        engine = create_engine(parsed, connect_args=options)
        with engine.connect() as connection:
            connection.execute(text("select 1"))
        engine.dispose()
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        why = (str(getattr(error, "orig", None) or error).splitlines() or [type(error).__name__])[0]
        return Finding(name, False, f"does not answer: {why}; see docs/cluster.md")
    return Finding(name, True, f"{parsed.render_as_string(hide_password=True)} answers")


def _store() -> Finding:
    """The lake that $HMMR_LAKE names, or ./lake; only one on S3 can be missing."""
    from storage.layout import LAKE_VARIABLE, Disk, Layout, lake_root

    lake = lake_root(None)
    if not lake.startswith("s3://"):
        return Finding(f"lake ({LAKE_VARIABLE})", True, f"{lake}, a folder")
    if half := _half_set():
        return Finding(f"lake ({LAKE_VARIABLE})", False, f"{half} is set and its partner is not; see docs/cluster.md")
    disk = Disk(Layout.of(lake))
    bucket = disk.inner(lake).split("/")[0]
    try:  # at once: reading through the disk would wait for the store
        info = disk.filesystem.get_file_info(bucket)
        if info.type == info.type.NotFound:
            return Finding(
                f"lake ({LAKE_VARIABLE})", False, f"there is no bucket {bucket}: make it; see docs/cluster.md"
            )
    except OSError as error:
        way_out = "check AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket; see docs/cluster.md"
        return Finding(f"lake ({LAKE_VARIABLE})", False, f"{lake} does not answer ({str(error)[:200]}): {way_out}")
    return Finding(f"lake ({LAKE_VARIABLE})", True, f"{lake} answers")


def _half_set() -> str | None:
    """Of the two keys of S3 the one that is set alone."""
    keys = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if os.environ.get(name)]
    return keys[0] if len(keys) == 1 else None


VARIABLES = (
    "HMMR_LAKE", "HMMR_LEDGER", "HMMR_RECEIPTS", "HMMR_PATIENCE_S", "HMMR_PROJECT", "HMMR_ALERT_URL", "HMMR_COMMIT",
    "HMMR_WEIGHTS", "HMMR_WINDOWS", "HMMR_PROGRESS",
)  # fmt: skip
"""Those that the project reads; docs/cluster.md explains them."""


def _variables() -> Finding:
    """Mistyped names, and values that cannot be used. Names that look like none of ours may be somebody else's."""
    from cli.common import near
    from storage.errors import ServiceAway
    from storage.patience import patience_s

    wrong = [
        f"nothing reads {name}{near(name, VARIABLES)}"
        for name in sorted(os.environ)
        if name.startswith("HMMR_") and name not in VARIABLES and near(name, VARIABLES)
    ]
    try:
        patience_s()
    except ServiceAway as error:
        wrong.append(str(error))
    project = os.environ.get("HMMR_PROJECT")
    if project and not Path(project).is_dir():
        wrong.append(f"HMMR_PROJECT: there is no folder {project}")
    alert = os.environ.get("HMMR_ALERT_URL")
    if alert and not alert.startswith(("http://", "https://")):
        wrong.append("HMMR_ALERT_URL is no http address")
    used = [name for name in VARIABLES if os.environ.get(name)]
    detail = "; ".join(wrong) or (f"set: {', '.join(used)}" if used else "none is set")
    return Finding("variables (HMMR_*)", not wrong, detail)


def _prefect() -> Finding:
    """The server that flows are told to use; without one the commands work all the same."""
    from urllib.error import URLError
    from urllib.request import urlopen

    name, api = "Prefect server (PREFECT_API_URL)", os.environ.get("PREFECT_API_URL")
    if not api:
        return Finding(name, True, "not set: `hmmr up` starts one")
    try:
        with urlopen(f"{api.rstrip('/')}/health", timeout=5):
            return Finding(name, True, f"{api} answers")
    except (URLError, OSError, ValueError) as error:
        return Finding(
            "Prefect server (PREFECT_API_URL)", False, f"{api} does not answer ({error}); see docs/cluster.md"
        )


def _receipts() -> Finding:
    from storage.layout import RECEIPTS_VARIABLE, lake_root

    folder = os.environ.get(RECEIPTS_VARIABLE)
    name = f"receipts of erasures ({RECEIPTS_VARIABLE})"
    if not folder:
        remote = lake_root(None).startswith("s3://")
        return Finding(name, True, f"not set: {'in the current folder' if remote else 'beside each lake'}")
    parent = next((place for place in (Path(folder), *Path(folder).absolute().parents) if place.is_dir()), Path("/"))
    writable = os.access(parent, os.W_OK)
    return Finding(name, writable, folder if writable else f"{parent} may not be written by this user")


CHECKS: tuple[Callable[[], Finding], ...] = (
    _python, _ffmpeg, _decoder, _weights, _disk, _variables, _ledger, _store, _receipts, _prefect, _script_runtime,
    _gpu, _onnxruntime, _mmlab,
)  # fmt: skip


@app.command()
def doctor() -> None:
    """Look for every program, package and file that some part of the project needs, and say the way out."""
    findings = [check() for check in CHECKS]
    for finding in findings:
        mark = "ok     " if finding.ok else "MISSING" if finding.needed else "without"
        typer.echo(f"{mark}  {finding.name}: {finding.detail}")
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(1)
