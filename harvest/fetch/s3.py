"""Videos on S3: s3://BUCKET/PREFIX is a list of objects, s3://BUCKET/KEY with a video's suffix is one.

Endpoint and keys are the lake's: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, ... (storage/layout.py); a source
list names a bucket, never an endpoint. Object names are strangers' text: a file on disk is named by the item's id, and
of the key only a known suffix is kept. The client is native code that no signal interrupts, hence `within`.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.fs as pafs

from harvest.config import DownloadConfig
from harvest.errors import HarvestError, NetworkFailed, SiteUnsupported, SourceGone, SourcePrivate, TooLarge, TooSlow
from harvest.fetch.download import Download, discard
from harvest.fetch.pace import TimeIsUp, within
from harvest.fetch.policy import Policy, bytes_limit, check_before_contact, check_limits, licence_verdict
from harvest.identity import S3, text_id
from harvest.sources.expand import VIDEO_SUFFIXES, Source
from storage.layout import Disk, Layout

_CHUNK = 1 << 20


def list_objects(source: Source, policy: Policy, seconds: float) -> list[Source]:
    """The videos below a prefix, in the order of their names, at most `max_entries`. Raises HarvestError.

    As everywhere on S3 a prefix is text: s3://b/clip also holds clips/x.mp4; end it with / to mean a folder.
    """
    check_before_contact(source, policy)
    prefix = source.address.removeprefix(S3)
    try:
        keys = within(seconds, lambda: list(islice(_videos(_files(source), prefix), source.max_entries)))
    except TimeIsUp:
        raise TooSlow(source.name, f"listing it took more than {seconds:.0f} s; name longer prefixes") from None
    except OSError as error:
        raise _typed(source, error) from error
    if not keys:
        raise SiteUnsupported(source.name, "holds no video file")
    plain = replace(source, max_entries=None, pot=source.pot or source.address,
                    via=(*source.via, source.item_id))  # fmt: skip
    return [replace(plain, item_id=text_id(S3 + key), address=S3 + key) for key in keys]


def fetch_object(
    source: Source,
    folder: Path,
    policy: Policy,
    config: DownloadConfig,
    progress: Callable[[int, int | None], None] | None = None,
) -> Download:
    """Copy one object to `folder`/ITEM_ID.SUFFIX. Raises HarvestError only; nothing half-copied stays."""
    check_before_contact(source, policy)
    verdict = licence_verdict(source, {}, policy)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{source.item_id}{os.path.splitext(source.address)[1].lower()}"
    tell = progress or (lambda done, total: None)
    try:
        within(config.max_wall_s, lambda: _copy(source, path, policy, tell))
    except TimeIsUp:
        discard(source, folder)
        raise TooSlow(source.name, f"download did not end within {config.max_wall_s:.0f} s") from None
    except HarvestError:
        discard(source, folder)
        raise
    except OSError as error:
        discard(source, folder)
        raise _typed(source, error) from error
    return Download(path, verdict, None, None, {"extractor_key": "S3", "epoch": int(time.time())})


def _files(source: Source) -> Any:
    return Disk(Layout.of(source.address)).filesystem


def _videos(files: Any, prefix: str) -> Iterator[str]:
    """BUCKET/KEY of each video below a prefix: files of a folder before its sub-folders, each sorted by name."""
    folders = [prefix.rpartition("/")[0]]
    while folders:
        folder = folders.pop(0)
        listing = sorted(files.get_file_info(pafs.FileSelector(folder)), key=lambda info: info.path)
        inside = [info for info in listing if info.path.startswith(prefix) and _is_child(info.path, folder)]
        for info in inside:
            if info.type == pafs.FileType.File and os.path.splitext(info.path)[1].lower() in VIDEO_SUFFIXES:
                yield info.path
        folders += [info.path for info in inside if info.type == pafs.FileType.Directory]


def _is_child(path: str, folder: str) -> bool:
    """Whether the path lies directly in this folder. Names such as `..` and the empty one lead out of it."""
    inner = path.removeprefix(folder + "/")
    return inner != path and inner not in ("", ".", "..") and "/" not in inner


def _copy(source: Source, path: Path, policy: Policy, tell: Callable[[int, int | None], None]) -> bool:
    files, key = _files(source), source.address.removeprefix(S3)
    info = files.get_file_info(key)
    if info.type != pafs.FileType.File:
        raise SourceGone(source.name, "no such object")
    check_limits(source, policy, seconds=None, size=info.size)
    cap, done = bytes_limit(source, policy), 0
    with files.open_input_stream(key) as stream, path.open("wb") as file:
        while block := stream.read(_CHUNK):
            done += len(block)
            if done > cap:
                raise TooLarge(source.name, f"more than {cap} bytes came in")
            file.write(block)
            tell(done, info.size)
    if done != info.size:
        raise NetworkFailed(source.name, f"{done} of {info.size} bytes came in")
    return True


def _typed(source: Source, error: OSError) -> HarvestError:
    """The typed error for an answer of S3, which pyarrow gives as text alone."""
    message = " ".join(str(error).split())[:300]
    with suppress(StopIteration):
        return next(kind(source.name, message) for words, kind in _BY_WORDS if any(word in message for word in words))
    return NetworkFailed(source.name, message)


_BY_WORDS: tuple[tuple[tuple[str, ...], type[HarvestError]], ...] = (
    (("ACCESS_DENIED", "HTTP status 403", "INVALID_ACCESS_KEY", "SIGNATURE_DOES_NOT_MATCH"), SourcePrivate),
    (("NO_SUCH_BUCKET", "NO_SUCH_KEY", "HTTP status 404", "does not exist", "Path does not exist"), SourceGone),
)
