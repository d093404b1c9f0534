"""Reads the truth of a synthetic film, which it finds by the content of the MP4, and recognises frames by their pixels.

A film's truth is FILM.truth.parquet (storage/schema.py FILM_TRUTH), with the MP4's sha256 in every row. F frames.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from body.pictures import PictureConfig, Pictures
from harvest.video.decode import DecodeConfig
from storage.atomic import file_sha256
from storage.json_text import BadJsonError, read_object


@dataclass(frozen=True)
class FilmPerson:
    """True keypoints of one person (x, y px, visible), and the frames in which the person is in the scene."""

    film_id: str
    person_index: int
    keypoints_F25x3: np.ndarray
    present_F: np.ndarray


class FilmShelf:
    """All truth files below a folder, by the sha256 of their film."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, Path] = {}
        for place in sorted(folder.rglob("*.truth.parquet")):
            for digest in _digests(place):
                self._files[digest] = place

    def people(self, video: Path) -> list[FilmPerson]:
        """Everybody in the film that `video` is a copy of; ValueError names a video that is none of the films."""
        place = self._files.get(file_sha256(video))
        if place is None:
            raise ValueError(
                f"{video.name}: no *.truth.parquet below {self._folder} is the truth of this file. The backend "
                f"`truth` reads films of `hmmr films make` only; re-encoded copies do not count."
            )
        return [_person(row) for row in pq.read_table(place).to_pylist()]


def _digests(place: Path) -> set[str]:
    """sha256 of the film, from its rows and from the film's own facts: a film with nobody in it has no rows."""
    table = pq.read_table(place, columns=["video_sha256"])
    try:
        facts = read_object((table.schema.metadata or {}).get(b"film", b"{}"))
    except BadJsonError as error:
        raise ValueError(f"{place}: not the truth of a film: {error}") from None
    return {*table["video_sha256"].to_pylist(), *([facts["video_sha256"]] if "video_sha256" in facts else [])}


def _person(row: dict[str, object]) -> FilmPerson:
    keypoints = np.array(row["keypoints_2d"], np.float32).reshape(-1, 25, 3)
    return FilmPerson(str(row["film_id"]), int(str(row["person_index"])), keypoints, np.array(row["present"], bool))


class FrameFinder:
    """Finds the number of a frame from its pixels.

    Frames with equal pixels are told apart by order: the same array is the same frame, another array a later one.
    """

    def __init__(self, pictures: Sequence[bytes]) -> None:
        self._places: dict[bytes, list[int]] = {}
        for number, key in enumerate(pictures):
            self._places.setdefault(key, []).append(number)
        self._last: np.ndarray | None = None
        self._at = -1

    @classmethod
    def of(cls, video: Path) -> "FrameFinder":
        """Decodes the film once, with the decoder that the harvest uses."""
        pictures = Pictures(video, PictureConfig(max_side=DecodeConfig().max_side))
        return cls([picture_key(picture) for picture in pictures])

    def find(self, frame_HW3: np.ndarray) -> int:
        """Number of the frame in the film. ValueError if the film has no such picture."""
        if frame_HW3 is not self._last:
            places = self._places.get(picture_key(frame_HW3))
            if places is None:
                raise ValueError(
                    "a frame is not of the film that was opened: was it scaled or decoded by another program?"
                )
            self._at = next((place for place in places if place > self._at), places[0])
            self._last = frame_HW3
        return self._at


def picture_key(frame_HW3: np.ndarray) -> bytes:
    """Digest of the pixels."""
    return hashlib.blake2b(np.ascontiguousarray(frame_HW3).data, digest_size=16).digest()
