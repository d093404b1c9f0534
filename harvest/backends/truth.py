"""A backend that returns the true keypoints of a synthetic film, with a real detector's errors added.

For tests and for studies of label noise. It uses the pixels only to recognise the frame. The noise of a person is a
pure function of film, person and seed, in whatever order frames are asked for. Letters: P people, F frames.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from body.boxes import iou_matrix
from body.joints import KEYPOINTS_25
from harvest.backends.film_truth import FilmPerson, FilmShelf, FrameFinder
from harvest.backends.label_noise import NoiseModel, NoisyLabels, noisy
from storage.labels.key import identity

_MARGIN = 0.04
_MIN_VISIBLE = 5
_SAME_PERSON = 0.3


@dataclass(frozen=True)
class TruthConfig:
    """`films` is the folder with the films' *.truth.parquet; the films themselves may lie elsewhere."""

    films: Path
    noise: NoiseModel = field(default_factory=NoiseModel)
    seed: int = 0


@dataclass(frozen=True)
class _Actor:
    """One person: the true box in each frame, whether a detector could see the person there, and the noisy labels."""

    boxes_F4: np.ndarray
    visible_F: np.ndarray
    labels: NoisyLabels


class TruthBackend:
    """`PoseBackend` and `ReadsFile` from the truth of films."""

    name = "truth"
    joints = KEYPOINTS_25

    def __init__(self, config: TruthConfig) -> None:
        self.config = config
        noise = repr(sorted(identity(config.noise).items())) + f" seed {config.seed}"
        self.weights: Mapping[str, str] = {"noise": hashlib.sha256(noise.encode()).hexdigest()}
        self._shelf = FilmShelf(config.films)
        self._actors: list[_Actor] = []
        self._frames: FrameFinder | None = None

    def open_video(self, path: Path) -> None:
        """The next frames are of this film. ValueError if no truth of it is in the folder."""
        self._actors = [self._actor(person) for person in self._shelf.people(path)]
        self._frames = FrameFinder.of(path)

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Per frame (P, 5): a box around each person in the picture, except where the noise misses one."""
        return [self._boxes(self._number(frame)) for frame in frames]

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Per frame (P, 25, 3): the labels of the person in each box; all scores 0 if nobody is in it."""
        numbers = [self._number(frame) for frame in frames]
        return [
            np.stack([self._pose(f, box) for box in boxes_P4]) if len(boxes_P4) else np.zeros((0, 25, 3))
            for f, boxes_P4 in zip(numbers, boxes, strict=True)
        ]

    def _number(self, frame_HW3: np.ndarray) -> int:
        if self._frames is None:
            raise ValueError("the backend `truth` must be told its film first: open_video")
        return self._frames.find(frame_HW3)

    def _boxes(self, f: int) -> np.ndarray:
        rows = [
            np.append(actor.boxes_F4[f], 0.9) for actor in self._actors if actor.visible_F[f] and actor.labels.seen_F[f]
        ]
        return np.array(rows, np.float32).reshape(-1, 5)

    def _pose(self, f: int, box: np.ndarray) -> np.ndarray:
        here = [actor for actor in self._actors if actor.visible_F[f]]
        nobody: np.ndarray = np.zeros((25, 3), np.float32)
        if not here:
            return nobody
        overlap = iou_matrix(box[None], np.stack([actor.boxes_F4[f] for actor in here]))[0]
        best = int(overlap.argmax())
        return np.asarray(here[best].labels.keypoints_F25x3[f]) if overlap[best] >= _SAME_PERSON else nobody

    def _actor(self, person: FilmPerson) -> _Actor:
        boxes_F4 = _boxes_around(person.keypoints_F25x3)
        side_F = (boxes_F4[:, 2:] - boxes_F4[:, :2]).max(-1)
        key = f"{person.film_id} {person.person_index} {self.config.seed}".encode()
        rng = np.random.default_rng(int.from_bytes(hashlib.sha256(key).digest()[:8], "little"))
        visible_F = person.present_F & ((person.keypoints_F25x3[..., 2] > 0).sum(-1) >= _MIN_VISIBLE)
        return _Actor(boxes_F4, visible_F, noisy(person.keypoints_F25x3, side_F, self.config.noise, rng))


def _boxes_around(keypoints_F25x3: np.ndarray) -> np.ndarray:
    """(F, 4) px around all joints, hidden ones too, with a margin for the body around them."""
    low, high = keypoints_F25x3[..., :2].min(1), keypoints_F25x3[..., :2].max(1)
    margin = _MARGIN * (high - low).max(-1, keepdims=True)
    return np.concatenate([low - margin, high + margin], -1).astype(np.float32)
