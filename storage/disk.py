"""One way to files of a lake, local or on S3: small whole-file operations over pyarrow's file systems."""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import pyarrow.fs as pafs

from storage.atomic import write_atomically
from storage.errors import LakeFull
from storage.layout import Layout


class Disk:
    """Files below one root. Paths are full paths as `Layout` gives them."""

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

    def inner(self, path: str) -> str:
        """The path as the file system wants it (no s3://)."""
        return path.removeprefix("s3://")

    def write(self, path: str, content: bytes) -> None:
        """Write a whole file, atomically: rename locally, one PUT on S3. LakeFull leaves the old file as it was."""
        if not self.layout.remote:
            with says_full(path):
                write_atomically(path, content)
            return
        with self.filesystem.open_output_stream(self.inner(path)) as stream:
            stream.write(content)

    def read(self, path: str) -> bytes:
        """The whole file; FileNotFoundError where there is none."""
        with self.filesystem.open_input_stream(self.inner(path)) as stream:
            return bytes(stream.read())

    def exists(self, path: str) -> bool:
        """Whether a file lies there."""
        return bool(self.filesystem.get_file_info(self.inner(path)).type == pafs.FileType.File)

    def size(self, path: str) -> int:
        """Bytes of a file; FileNotFoundError where there is none."""
        info = self.filesystem.get_file_info(self.inner(path))
        if info.type == pafs.FileType.NotFound:
            raise FileNotFoundError(path)
        return int(info.size)

    def age_s(self, path: str) -> float:
        """Seconds since a file was last written; FileNotFoundError where there is none."""
        info = self.filesystem.get_file_info(self.inner(path))
        if info.type == pafs.FileType.NotFound:
            raise FileNotFoundError(path)
        return time.time() - float(info.mtime_ns) / 1e9

    def files(self, folder: str) -> list[str]:
        """Every file below a folder, sorted; empty where there is no folder."""
        selector = pafs.FileSelector(self.inner(folder), allow_not_found=True, recursive=True)
        prefix = "s3://" if self.layout.remote else ""
        infos = self.filesystem.get_file_info(selector)
        return sorted(prefix + info.path for info in infos if info.type == pafs.FileType.File)

    def folders(self, folder: str) -> list[str]:
        """Names of the folders in a folder, sorted; none where there is no folder."""
        selector = pafs.FileSelector(self.inner(folder), allow_not_found=True)
        infos = self.filesystem.get_file_info(selector)
        return sorted(info.base_name for info in infos if info.type == pafs.FileType.Directory)

    def make_folder(self, folder: str) -> None:
        """Make a folder; on S3 folders need no making."""
        if not self.layout.remote:
            self.filesystem.create_dir(folder, recursive=True)

    def delete(self, path: str) -> None:
        """Delete a file; no error where there is none."""
        try:
            self.filesystem.delete_file(self.inner(path))
        except FileNotFoundError:
            return

    def delete_folder(self, folder: str) -> None:
        """Delete a folder and all below it; no error where there is none."""
        try:
            self.filesystem.delete_dir(self.inner(folder))
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
