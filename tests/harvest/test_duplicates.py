"""Copies are known by content and by sight."""

import numpy as np

from harvest.duplicates import KnownVideos
from harvest.fingerprint import bits_apart, fingerprint


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


def test_little_evidence_is_none() -> None:
    known = KnownVideos()
    known.add("a", "hash-a", _prints(range(20)))
    assert known.original_of("b", "hash-b", _prints(range(4))) is None
    assert known.original_of("b", "hash-b", _prints(range(15, 30))) is None
    assert known.original_of("b", "hash-b", _prints(range(1)) * 50) is None
