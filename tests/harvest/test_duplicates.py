"""Copies are known by content and by sight."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from body.ffmpeg import ffmpeg_program
from harvest.duplicates import SAMPLE_SECONDS, KnownVideos, bits_apart, fingerprint
from storage.example_rows import tracklet_row, video_row
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.tables import rows_to_table


def _picture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 255, (6, 8, 3))
    return np.kron(low, np.ones((20, 20, 1))).astype(np.uint8)


def test_fingerprint_survives_what_a_reupload_does() -> None:
    import cv2

    picture = _picture(1)
    small = cv2.resize(picture, (96, 72))
    jpeg = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR)
    brighter = np.clip(picture * 0.8 + 30, 0, 255).astype(np.uint8)
    for copy in (small, jpeg, brighter):
        assert bits_apart(fingerprint(picture), fingerprint(copy)) <= 6
    others = [bits_apart(fingerprint(picture), fingerprint(_picture(seed))) for seed in range(2, 30)]
    assert min(others) > 10


def test_fits_a_signed_column() -> None:
    values = [fingerprint(_picture(seed)) for seed in range(20)]
    assert all(-(2**63) <= value < 2**63 for value in values)
    assert bits_apart(-1, 0) == 64


def _prints(seeds: range) -> list[int]:
    return [fingerprint(_picture(seed)) for seed in seeds]


def test_same_bytes_and_same_pictures_are_copies() -> None:
    known = KnownVideos()
    known.add("a", "hash-a", _prints(range(20)))
    assert known.original_of("b", "hash-a", []) == "a"
    assert known.original_of("b", "hash-b", _prints(range(5, 15))) == "a"
    assert known.original_of("a", "hash-a", _prints(range(20))) is None


def _sampled(path: Path) -> list[int]:
    import cv2

    video, prints, count = cv2.VideoCapture(str(path)), [], 0
    while (read := video.read())[0]:
        if count % round(SAMPLE_SECONDS * video.get(cv2.CAP_PROP_FPS)) == 0:
            prints.append(fingerprint(np.ascontiguousarray(read[1][:, :, ::-1])))
        count += 1
    return prints


@pytest.mark.parametrize("how", [["-crf", "38"], ["-vf", "scale=192:-2,fps=20"], ["-vf", "eq=brightness=0.06"]])
def test_a_real_re_encode_is_a_copy(clip: Callable[..., Path], tmp_path: Path, how: list[str]) -> None:
    first = clip("first.mp4", "-vf", "rotate=t/3", seconds=3.0, size="320x240", rate="25")
    other = clip("other.mp4", "-vf", "hue=h=90*t,hflip,vflip,rotate=-t", seconds=3.0, size="320x240", rate="25")
    copy = tmp_path / "copy.mp4"
    subprocess.run([ffmpeg_program(), "-v", "error", "-i", str(first), *how, str(copy)], check=True)
    known, ledger = KnownVideos(), Ledger.open(tmp_path)
    known.add("first", "hash-1", _sampled(first))
    assert ledger.copies.keep("first", "hash-1", _sampled(first)) is None
    for original_of in (known.original_of, ledger.copies.original_of):
        assert original_of("copy", "hash-2", _sampled(copy)) == "first"
        assert original_of("other", "hash-3", _sampled(other)) is None
    ledger.close()


def test_another_lakes_video_is_a_copy_whatever_its_name(tmp_path: Path) -> None:
    test_set = Lake(tmp_path / "test")
    video = video_row("a", content_sha256="hash-a", fingerprints=_prints(range(9)))
    test_set.append("videos", rows_to_table("videos", [video]))
    test_set.append("tracklets", rows_to_table("tracklets", [tracklet_row("a")]))
    known = KnownVideos.of([test_set])
    for source, content, prints in (("a", "hash-a", []), ("b", "hash-b", _prints(range(2, 9)))):
        assert known.original_of(source, content, prints) == f"{test_set.root}:a"


def test_little_evidence_is_none() -> None:
    known = KnownVideos()
    known.add("a", "hash-a", _prints(range(20)))
    assert known.original_of("b", "hash-b", _prints(range(3))) is None
    assert known.original_of("b", "hash-b", _prints(range(15, 30))) is None
    assert known.original_of("b", "hash-b", _prints(range(1)) * 50) is None
