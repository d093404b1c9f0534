"""Where everything lies below a lake, and beside it, and one way to its files, local or on S3.

A lake is a local folder or an s3:// URL. `Layout` names the places; `Disk` does small whole-file operations over
pyarrow's file systems.
"""

import errno
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pyarrow.fs as pafs
from deltalake.exceptions import DeltaError

from storage.atomic import write_atomically
from storage.errors import LakeError, LakeFull
from storage.patience import patiently

LAKE_VARIABLE = "HMMR_LAKE"
"""Environment variable that names the lake where `--lake` is not given."""

LEDGER_VARIABLE = "HMMR_LEDGER"
"""Environment variable with the SQLAlchemy URL of the ledger, for PostgreSQL and for lakes on S3."""

RECEIPTS_VARIABLE = "HMMR_RECEIPTS"
"""Environment variable with the folder for receipts of erasures, for lakes on S3."""

WINDOWS_VARIABLE = "HMMR_WINDOWS"
"""Environment variable with the folder of this machine in which decoded frames of lakes on S3 are kept."""

STAGES = "stages"
"""Folder of a source's stage outputs, within its cache."""


@dataclass(frozen=True)
class Layout:
    """Paths of one lake. `root` is an absolute local path or an s3:// URL, without a slash at the end."""

    root: str

    @classmethod
    def of(cls, root: str | Path) -> "Layout":
        """Layout of a folder (made absolute) or of an s3:// URL."""
        text = str(root)
        if text.startswith("s3://"):
            return cls(text.rstrip("/"))
        return cls(str(Path(text.removeprefix("file://")).expanduser().absolute()))

    @property
    def remote(self) -> bool:
        """True for s3://."""
        return self.root.startswith("s3://")

    def table(self, name: str) -> str:
        """Folder of one Delta table."""
        return f"{self.root}/{name}"

    @property
    def snapshots(self) -> str:
        """Folder of frozen selections, one JSON file each."""
        return f"{self.root}/snapshots"

    def snapshot(self, digest: str) -> str:
        """File of one frozen selection."""
        return f"{self.snapshots}/{digest}.json"

    @property
    def cache(self) -> str:
        """Folder of what can be computed again, one folder a source: erase removes it."""
        return f"{self.root}/cache"

    def source_cache(self, source_id: str) -> str:
        """Everything cached for one source (stage outputs, thumbnails)."""
        return f"{self.cache}/{source_id}"

    def stage_cache(self, source_id: str) -> str:
        """What labelling's networks said of one source (storage/stage_cache.py)."""
        return f"{self.source_cache(source_id)}/{STAGES}"

    @property
    def windows(self) -> str:
        """Local folder of decoded frames for training, a folder a snapshot: erase removes them all. Of a lake on S3 a
        folder of this machine, below $HMMR_WINDOWS or ~/.cache/hmmr/windows."""
        if not self.remote:
            return f"{self.cache}/windows"
        base = os.environ.get(WINDOWS_VARIABLE) or str(Path.home() / ".cache" / "hmmr" / "windows")
        return f"{base}/{hashlib.sha256(self.root.encode()).hexdigest()[:16]}"

    @property
    def checkpoints(self) -> str:
        """Folder of trained models that belong to this lake."""
        return f"{self.root}/checkpoints"

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger: $HMMR_LEDGER, or ledger.sqlite in a local lake."""
        configured = os.environ.get(LEDGER_VARIABLE)
        if configured:
            return configured
        if self.remote:
            raise ValueError(f"a lake on S3 needs its ledger elsewhere: set {LEDGER_VARIABLE} to a SQLAlchemy URL")
        return f"sqlite:///{self.root}/ledger.sqlite"

    @property
    def receipts(self) -> str:
        """Folder of the receipts of erasures: beside the lake, never in it."""
        configured = os.environ.get(RECEIPTS_VARIABLE)
        if configured:
            return configured
        if self.remote:
            return str(Path.cwd() / (self.root.rsplit("/", 1)[-1] + ".receipts"))
        return f"{self.root}.receipts"


def lake_root(given: str | Path | None) -> str:
    """The lake that a command means: `--lake`, else $HMMR_LAKE, else ./lake."""
    return str(given or os.environ.get(LAKE_VARIABLE) or "lake")


def local_folder(out: str | Path) -> Path:
    """The folder that files are written into while they grow. ValueError for a URL, with the way out."""
    if re.match(r"\w{2,}:/", str(out)):  # pathlib makes s3:/ of s3://
        raise ValueError(
            f"{out} is no folder of this machine, which --out must be, since its files are written again and again; "
            "copy what is finished (`aws s3 cp --recursive`). Lakes may be s3:// URLs"
        )
    return Path(out)


Result = TypeVar("Result")


class Disk:
    """Files below one root. Paths are full paths as `Layout` gives them.

    On S3 every step waits for a server that is away; ServiceAway where it stays away (storage/patience.py).
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    @cached_property
    def filesystem(self) -> pafs.FileSystem:
        """pyarrow's file system for the root."""
        if not self.layout.remote:
            return pafs.LocalFileSystem()
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
        scheme, _, host = endpoint.rpartition("://")
        return pafs.S3FileSystem(
            endpoint_override=host or None, scheme=scheme or "https", region=os.environ.get("AWS_REGION") or None
        )

    @cached_property
    def delta_options(self) -> dict[str, str]:
        """storage_options for deltalake: the AWS_* variables, and plain HTTP where the endpoint is plain HTTP."""
        if not self.layout.remote:
            return {}
        options = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        if options.get("AWS_ENDPOINT_URL", "").startswith("http://"):
            options.setdefault("AWS_ALLOW_HTTP", "true")
        # Delta needs put-if-absent; conditional PUT by ETag is what S3 and its clones offer.
        options.setdefault("AWS_CONDITIONAL_PUT", "etag")
        return options

    def patiently(self, attempt: Callable[[], Result]) -> Result:
        """`attempt()`, again while the S3 server is away. It must do no harm when it is made twice.

        LakeError where Delta's library panics, as it does when the process may open no more files.
        """
        try:
            return patiently(attempt, is_away, self._server) if self.layout.remote else attempt()
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # derives from BaseException, in no module to import
                raise
            way_out = "raise `ulimit -n`" if "Too many open files" in str(error) else "run again"
            raise LakeError(f"{self.layout.root}: the storage library gave up ({error}); {way_out}") from error

    @property
    def _server(self) -> str:
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "S3"
        return f"{endpoint} ({'/'.join(self.layout.root.split('/')[:3])})"

    def inner(self, path: str) -> str:
        """The path as the file system wants it (no s3://)."""
        return path.removeprefix("s3://")

    def write(self, path: str, content: bytes) -> None:
        """Write a whole file, atomically: rename locally, one PUT on S3. LakeFull leaves the old file as it was."""
        if not self.layout.remote:
            with says_full(path):
                write_atomically(path, content)
            return
        self.patiently(lambda: self._put(path, content))

    def _put(self, path: str, content: bytes) -> None:
        with self.filesystem.open_output_stream(self.inner(path)) as stream:
            stream.write(content)

    def read(self, path: str) -> bytes:
        """The whole file; FileNotFoundError where there is none."""
        return self.patiently(lambda: self._get(path))

    def _get(self, path: str) -> bytes:
        with self.filesystem.open_input_stream(self.inner(path)) as stream:
            return bytes(stream.read())

    def _info(self, what: str | pafs.FileSelector) -> Any:
        return self.patiently(lambda: self.filesystem.get_file_info(what))

    def exists(self, path: str) -> bool:
        """Whether a file lies there."""
        return bool(self._info(self.inner(path)).type == pafs.FileType.File)

    def size(self, path: str) -> int:
        """Bytes of a file; FileNotFoundError where there is none."""
        info = self._info(self.inner(path))
        if info.type == pafs.FileType.NotFound:
            raise FileNotFoundError(path)
        return int(info.size)

    def age_s(self, path: str) -> float:
        """Seconds since a file was last written; FileNotFoundError where there is none."""
        info = self._info(self.inner(path))
        if info.type == pafs.FileType.NotFound:
            raise FileNotFoundError(path)
        return time.time() - float(info.mtime_ns) / 1e9

    def files(self, folder: str) -> list[str]:
        """Every file below a folder, sorted; empty where there is no folder."""
        return sorted(self.ages(folder))

    def ages(self, folder: str) -> dict[str, float]:
        """Seconds since each file below a folder was last written, by one listing; empty where there is no folder."""
        selector = pafs.FileSelector(self.inner(folder), allow_not_found=True, recursive=True)
        prefix = "s3://" if self.layout.remote else ""
        infos, now = self._info(selector), time.time()
        return {prefix + info.path: now - info.mtime_ns / 1e9 for info in infos if info.type == pafs.FileType.File}

    def folders(self, folder: str) -> list[str]:
        """Names of the folders in a folder, sorted; none where there is no folder."""
        selector = pafs.FileSelector(self.inner(folder), allow_not_found=True)
        infos = self._info(selector)
        return sorted(info.base_name for info in infos if info.type == pafs.FileType.Directory)

    def make_folder(self, folder: str) -> None:
        """Make a folder; on S3 folders need no making."""
        if not self.layout.remote:
            self.filesystem.create_dir(folder, recursive=True)

    def delete(self, path: str) -> None:
        """Delete a file; no error where there is none."""
        try:
            self.patiently(lambda: self.filesystem.delete_file(self.inner(path)))
        except FileNotFoundError:
            return

    def delete_folder(self, folder: str) -> None:
        """Delete a folder and all below it; no error where there is none."""
        try:
            self.patiently(lambda: self.filesystem.delete_dir(self.inner(folder)))
        except (FileNotFoundError, NotADirectoryError):
            return


@contextmanager
def says_full(where: object) -> Iterator[None]:
    """Inside, 'no space left' becomes a LakeFull that names `where`."""
    try:
        yield
    except OSError as error:
        if is_full(error) and not isinstance(error, LakeFull):
            raise LakeFull(f"no space left for {where}; free some space and run again") from error
        raise


def is_full(error: BaseException) -> bool:
    """Whether an error of Python, Arrow or Delta means 'no space left'."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)


_AWAY = (
    "NETWORK_CONNECTION", "SERVICE_UNAVAILABLE", "SLOW_DOWN", "INTERNAL_FAILURE", "REQUEST_TIMEOUT", "curlCode: 7",
    "curlCode: 28", "curlCode: 52", "curlCode: 56", "error sending request", "HTTP error", "Connection refused",
    "Connection reset", "timed out", "HTTP status 500", "HTTP status 502", "HTTP status 503", "HTTP status 504",
    "500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway",
)  # fmt: skip
"""What pyarrow's and deltalake's clients of S3 say when the server does not answer or answers with a 5xx. Both have
tried several times by then."""

_LASTING = ("Could not resolve host", "dns error", "Name or service not known")
"""An address that is none stays none."""


def is_away(error: BaseException) -> bool:
    """Whether an error of Arrow or Delta means that the S3 server cannot be reached for now."""
    if not isinstance(error, OSError | DeltaError) or isinstance(error, FileNotFoundError | LakeError):
        return False
    words = str(error)
    return any(sign in words for sign in _AWAY) and not any(sign in words for sign in _LASTING)
