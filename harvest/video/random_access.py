"""Pictures of a video by their index, without decoding what lies between them, equal to those of the harvest.

Two ways. decord seeks inside one reader, so few places far from each other cost little. The pipe of body/pictures.py
seeks once and decodes on; it reads every file that the harvest reads. decord knows no time of a decoded picture, counts
from a key frame, shows what an edit list hides, and neither turns nor scales nor deinterlaces. So it is used only where
counting is exact (one clock, closed groups of pictures, every picture shown) and where it saves work, in a child
process with limits; its pictures are compared with those of the pipe, found by their PTS, and must be equal to the bit.
Otherwise the pipe gives all. Letters: F pictures of the file, W wanted ones.
"""

import json
import logging
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from body.ffmpeg import start_decoder
from body.pictures import PictureConfig, Pictures
from harvest.errors import DecodeFailed, TooManyPixels
from harvest.video.decode import DecodeConfig, Frame, Places, Timing, cpu_limit_s, read_packets

SAVES = 0.5
"""decord is used where it decodes at most this share of the pictures that the pipe would decode."""
_CHILD = Path(__file__).with_name("decord_child.py")
_HEADS = (b"ftyp", b"moov", b"mdat", b"wide", b"free")
"""Types of an MP4 or MOV file's first atom. decord opens a file by its content with any reader it has, also with those
that open further files and addresses (HLS, DASH), so it gets MP4, MOV, Matroska and AVI only."""

_log = logging.getLogger(__name__)


class DecordFailedError(Exception):
    """decord gave no pictures, or others than the pipe; the message says what happened."""


class RandomAccess:
    """An opened file. `with_decord` says, after `frames`, whether decord gave the pictures."""

    def __init__(
        self, path: Path, item: str, config: DecodeConfig, *, max_pixels: int, max_seconds: float | None = None
    ) -> None:
        """Raises NoVideoStream, DecodeFailed, TooManyPixels, TooLong or TooSlow."""
        self._path, self._item, self._config = path, item, config
        self.packets = read_packets(path, item, max_seconds=max_seconds)
        self.timing = Timing(self.packets.pts_F, self.packets.shown_F, self.packets.time_base)
        width, height = self.packets.coded
        if width * height * max(Fraction(1), self.packets.pixel_shape) > max_pixels:
            raise TooManyPixels(item, f"frames are {width} x {height}, the limit is {max_pixels} pixels")
        self.with_decord = False

    def index_at(self, seconds: float) -> int:
        """Index of the picture that is shown at this time, counted from the first shown picture. ValueError if the
        video is over by then."""
        if not 0 <= seconds < self.timing.duration_s:
            length = f"{self.timing.duration_s:.2f} s long"
            raise ValueError(f"{self._item}: is {length}, there is no picture at {seconds} s")
        shown = np.flatnonzero(self.timing.shown_F)
        at = float(seconds) / float(self.timing.time_base) + int(self.timing.pts_F[shown[0]])
        return int(shown[max(0, int(np.searchsorted(self.timing.pts_F[shown], at, side="right")) - 1)])

    def frames(self, wanted_W: NDArray[np.int64]) -> Iterator[Frame]:
        """The pictures with these indices, ascending and each once. DecodeFailed names the first that is missing."""
        wanted_W = np.unique(np.asarray(wanted_W, np.int64))
        if len(wanted_W) and int(wanted_W[-1]) >= len(self.packets.pts_F):
            raise DecodeFailed(self._item, f"has {len(self.packets.pts_F)} pictures, picture {wanted_W[-1]} is wanted")
        given = 0
        if self._suits_decord(wanted_W):
            try:
                for frame in self._through_decord(wanted_W):
                    self.with_decord = True
                    given += 1
                    yield frame
            except DecordFailedError as error:
                _log.info("%s: decord: %s; the pipe decodes the rest", self._item, error)
                self.with_decord = False
        yield from self._through_pipe(wanted_W[given:])

    def _suits_decord(self, wanted_W: NDArray[np.int64]) -> bool:
        """Whether decord's index is ours, and seeking saves work."""
        packets = self.packets
        width, height = packets.coded
        plain = packets.pixel_shape == 1 and not packets.interlaced and max(width, height) <= self._config.max_side
        one_clock = packets.stretch_F[-1] == 0 and bool((np.diff(packets.pts_F) > 0).all())
        if not len(wanted_W) or not plain or not one_clock or packets.open_gop or not packets.shown_F.all():
            return False
        keys = np.flatnonzero(packets.key_F)
        if not len(keys) or keys[0] != 0 or not _is_plain_container(self._path):
            return False
        start_W = keys[np.searchsorted(keys, wanted_W, side="right") - 1]
        before_W = np.maximum(start_W, np.concatenate([[-1], wanted_W[:-1]]) + 1)
        seeking = int((wanted_W - before_W + 1).sum())
        return seeking <= SAVES * int(wanted_W[-1] - start_W[0] + 1)

    def _through_decord(self, wanted_W: NDArray[np.int64]) -> Iterator[Frame]:
        """DecordFailedError when it fails, at any picture; those given before are right."""
        checked = {int(wanted_W[0]), int(wanted_W[-1])}
        theirs = {frame.index: frame.pixels_HW3 for index in sorted(checked) for frame in self._piped([index])}
        if set(theirs) != checked:
            raise DecordFailedError("the pipe finds no picture to compare with")
        held: list[Frame] = []
        for frame in self._decord(wanted_W):
            if frame.index in theirs and not np.array_equal(frame.pixels_HW3, theirs[frame.index]):
                raise DecordFailedError(f"picture {frame.index} differs from the pipe's")
            held.append(frame)
            if frame.index == wanted_W[0]:
                yield held.pop()
            elif len(held) > 1:
                yield held.pop(0)
        yield from held

    def _decord(self, wanted_W: NDArray[np.int64]) -> Iterator[Frame]:
        with tempfile.NamedTemporaryFile(suffix=".npy") as indices, tempfile.TemporaryFile() as complaints:
            np.save(indices, wanted_W)
            indices.flush()
            command = [sys.executable, "-I", str(_CHILD), str(self._path.absolute()), indices.name]
            process = start_decoder(command, cpu_s=cpu_limit_s(self.packets), complaints=complaints)
            assert process.stdout is not None
            try:
                with process.stdout:
                    yield from self._read(process.stdout, wanted_W)
                    process.wait()
            finally:
                process.kill()
                process.wait()

    def _read(self, pipe: IO[bytes], wanted_W: NDArray[np.int64]) -> Iterator[Frame]:
        try:
            head = json.loads(pipe.readline())
            count, seconds_W = int(head["count"]), np.asarray(head["seconds"], np.float64)
            height, width = (int(side) for side in head["size"])
        except (ValueError, KeyError, TypeError) as error:
            raise DecordFailedError("it cannot read the file") from error
        pts_F, base = self.packets.pts_F, float(self.packets.time_base)
        ours_W = (pts_F[np.concatenate([[0], wanted_W])] - pts_F[0]) * base
        step = float(np.diff(pts_F).min()) * base if len(pts_F) > 1 else 1.0
        if count != len(pts_F) or seconds_W.shape != ours_W.shape:
            raise DecordFailedError(f"it counts {count} pictures, there are {len(pts_F)}")
        # its times are 32-bit floats
        if (np.abs(seconds_W - seconds_W[0] - ours_W) > step / 2 + 1e-6 * np.abs(seconds_W).max()).any():
            raise DecordFailedError("its times are others")
        if (width, height) != self.packets.coded:
            raise DecordFailedError("its pictures have another size")
        for index in wanted_W.tolist():
            raw = pipe.read(height * width * 3)
            if len(raw) < height * width * 3:
                raise DecordFailedError(f"it ended before picture {index}")
            yield Frame(index, int(pts_F[index]), np.frombuffer(raw, np.uint8).reshape(height, width, 3))

    def _through_pipe(self, wanted_W: NDArray[np.int64]) -> Iterator[Frame]:
        """From a key frame before the first wanted picture; from the file's start if seeking loses pictures."""
        left = wanted_W
        for seeks in (True, False):
            for frame in self._piped(left.tolist(), seeks=seeks):
                yield frame
                left = left[left > frame.index]
            if not len(left):
                return
        raise DecodeFailed(self._item, f"picture {left[0]} cannot be decoded: {self._complaint or 'no more pictures'}")

    def _piped(self, wanted: list[int], *, seeks: bool = True) -> Iterator[Frame]:
        """Those of these pictures that the pipe gives, up to the first that it skips."""
        packets = self.packets
        if not wanted:
            return
        one_clock = packets.stretch_F[-1] == 0
        low, high = (int(packets.stream_pts_F[index]) for index in (wanted[0], wanted[-1]))
        pictures = Pictures(self._path, PictureConfig(
            max_side=self._config.max_side, threads=self._config.threads, cpu_s=cpu_limit_s(packets),
            interlaced=packets.interlaced, time_base=packets.time_base,
            select=f"between(pts,{low},{high})" if one_clock else "",
            from_s=low * packets.time_base if one_clock and seeks and wanted[0] > 0 else None,
        ))  # fmt: skip
        places, waiting = Places(packets), list(wanted)
        for pts, pixels in pictures.timed():
            index = places.find(pts)
            if index is None or index < waiting[0]:
                continue
            if index > waiting[0]:
                break
            yield Frame(index, int(packets.pts_F[index]), pixels)
            del waiting[0]
            if not waiting:
                break
        self._complaint = pictures.complaint
        pictures.close()


def _is_plain_container(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] in _HEADS or head[:4] == b"\x1a\x45\xdf\xa3" or (head[:4] == b"RIFF" and head[8:] == b"AVI ")
