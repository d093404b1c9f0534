"""Networks that are asked the same question about a source once only, across labellings: storage/stage_cache.py.

A question is the frame and the box (for φ the joints too), under a key of everything before it that decides the
answer. So a changed filter or tracker costs no network where it asks for the same boxes, and labels stay what they
would be without the memory. P people of a frame, N crops, D feature dimension.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harvest.backends.protocol import AroundBackend, PoseBackend, ReadsFile
from harvest.phi.protocol import Phi
from storage.labels.key import Recipe, digest
from storage.stage_cache import Kept, StageStore, question

Answer = list[tuple[str, str, tuple[int, ...]]]
"""Fields of a numpy record."""

Features = tuple[np.ndarray, np.ndarray | None]
"""What a φ says of N crops."""

Beside = Callable[[Callable[[], Features], Callable[[], Features]], tuple[Features, Features]]

_LIVE_FRAMES = 4096
"""More than are ever in memory at once."""


class FrameNumbers:
    """Which frame of the video an array of pixels is: networks are given pixels alone."""

    def __init__(self) -> None:
        self._numbers: OrderedDict[int, int] = OrderedDict()

    def note(self, pixels_HW3: np.ndarray, index: int) -> None:
        """A frame was decoded. A later one may get the same place in memory: the newest counts."""
        self._numbers.pop(id(pixels_HW3), None)
        self._numbers[id(pixels_HW3)] = index
        if len(self._numbers) > _LIVE_FRAMES:
            self._numbers.popitem(last=False)

    def of(self, pixels_HW3: np.ndarray) -> bytes:
        """The frame's number, as part of a question."""
        return self._numbers[id(pixels_HW3)].to_bytes(8, "little")


@dataclass(frozen=True)
class StageFiles:
    """Where the answers about one source lie, and what they depend on."""

    folder: Path
    content_sha256: str
    recipe: Recipe

    def store(self, stage: str, kind: str, weights: Mapping[str, str], answer: Answer) -> StageStore:
        """The answers of one network, under a name that changes with anything that may change them: the content, how
        it is decoded, the network, its weights and the version of the code around it; but not with thresholds."""
        versions = {each.name: each.version for each in self.recipe.stages}
        decode = asdict(self.recipe.stages[0])
        key = digest([self.content_sha256, decode, stage, versions[stage], kind, dict(weights)])
        return StageStore(self.folder / f"{kind.split()[0]}-{key[:24]}", answer)


class CachedBackend(AroundBackend):
    """A backend that is asked only what it was not asked before."""

    def __init__(self, inner: PoseBackend, files: StageFiles, numbers: FrameNumbers) -> None:
        super().__init__(inner)
        self._numbers = numbers
        boxes: Answer = [("count", "<i4", ()), ("box", "<f4", (5,))]
        self._people = files.store("people", f"people {inner.name}", inner.weights, boxes)
        self._poses = files.store("people", f"pose {inner.name}", inner.weights, [("pose", "<f4", (25, 3))])
        self.stores = (self._people, self._poses)

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As the backend inside says, now or earlier."""
        found = [self._known_people(self._numbers.of(frame)) for frame in frames]
        unknown = [i for i, boxes in enumerate(found) if boxes is None]
        fresh = self._inner.people([frames[i] for i in unknown]) if unknown else []
        for i, boxes_P5 in zip(unknown, fresh, strict=True):
            boxes_P5 = np.asarray(boxes_P5, np.float32).reshape(-1, 5)
            for k, box in enumerate(boxes_P5 if len(boxes_P5) else np.zeros((1, 5), np.float32)):
                self._people.add(_numbered(self._numbers.of(frames[i]), k), len(boxes_P5), box)
            found[i] = boxes_P5
        return [np.asarray(boxes) for boxes in found]

    def _known_people(self, number: bytes) -> NDArray[np.float32] | None:
        first = self._people.find(_numbered(number, 0))
        if first is None:
            return None
        count = int(self._people.answer(first)["count"])
        rows = [self._people.find(_numbered(number, k)) for k in range(count)]
        boxes = [self._people.answer(row)["box"] for row in rows if row is not None]
        return np.array(boxes, np.float32).reshape(-1, 5) if len(boxes) == count else None

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """As the backend inside says, now or earlier."""
        hints = expected or [np.zeros((len(boxes_P4), 25, 3), np.float32) for boxes_P4 in boxes]
        found = [np.zeros((len(boxes_P4), 25, 3), np.float32) for boxes_P4 in boxes]
        keys = [
            [question(self._numbers.of(frame), _bytes(box), _bytes(hint)) for box, hint in zip(*each, strict=True)]
            for frame, *each in zip(frames, boxes, hints, strict=True)
        ]
        unknown = [self._known_poses(keys_P, poses) for keys_P, poses in zip(keys, found, strict=True)]
        asked = [i for i, people in enumerate(unknown) if people]
        some = [[each[i][unknown[i]] for i in asked] for each in (boxes, hints)]
        fresh = self._inner.pose([frames[i] for i in asked], *some) if asked else []
        for i, poses in zip(asked, fresh, strict=True):
            for p, pose in zip(unknown[i], poses, strict=True):
                found[i][p] = pose
                self._poses.add(keys[i][p], found[i][p])
        return found

    def _known_poses(self, keys_P: Sequence[bytes], found_P253: NDArray[np.float32]) -> list[int]:
        """Fill in what was answered; returns the others."""
        rows = [self._poses.find(key) for key in keys_P]
        for p, row in enumerate(rows):
            if row is not None:
                found_P253[p] = self._poses.answer(row)["pose"]
        return [p for p, row in enumerate(rows) if row is None]


class CachedPhi:
    """A φ that computes only crops that it has not seen; its rows stay on the disk."""

    def __init__(self, inner: Phi, files: StageFiles, numbers: FrameNumbers) -> None:
        self.inner, self._numbers = inner, numbers
        answer: Answer = [("phi", "<f2", (inner.dim,)), ("zero_shot", "<f4", (75,)), ("has_zero_shot", "?", ())]
        self.store = files.store(f"phi/{inner.name}", f"phi {inner.name} {inner.dim}", inner.weights, answer)
        self.zero_shot = False
        """Whether this φ gives 3D of its own, once a crop was asked for."""

    def rows(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray,
        beside: Beside | None = None,
    ) -> list[int]:  # fmt: skip
        """(N) where in the store the features of each crop are. With `beside` what is unknown is computed in halves
        by it."""
        keys = [
            question(self._numbers.of(frame), _bytes(box), _bytes(keypoints))
            for frame, box, keypoints in zip(frames, boxes_N4, keypoints_N25x3, strict=True)
        ]
        rows = [self.store.find(key) for key in keys]
        unknown = [n for n, row in enumerate(rows) if row is None]
        if len(unknown) < len(rows):
            known = next(row for row in rows if row is not None)
            self.zero_shot = bool(self.store.answer(known)["has_zero_shot"])
        if unknown:
            fresh, zero_shot = self._features(frames, boxes_N4, keypoints_N25x3, unknown, beside)
            self.zero_shot = zero_shot is not None
            zeros = np.zeros((len(unknown), 75), np.float32) if zero_shot is None else zero_shot.reshape(-1, 75)
            for n, features, zero in zip(unknown, fresh, zeros, strict=True):
                rows[n] = self.store.add(keys[n], features.astype(np.float16), zero, self.zero_shot)
        return [row for row in rows if row is not None]

    def _features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray, some: Sequence[int],
        beside: Beside | None,
    ) -> Features:  # fmt: skip

        def features(which: Sequence[int]) -> Features:
            return self.inner.features([frames[n] for n in which], boxes_N4[which], keypoints_N25x3[which])

        if beside is None or len(some) < 2:
            return features(some)
        half = len(some) // 2
        (one, zero_one), (other, zero_other) = beside(partial(features, some[:half]), partial(features, some[half:]))
        if zero_one is None or zero_other is None:
            return np.concatenate([one, other]), None
        return np.concatenate([one, other]), np.concatenate([zero_one, zero_other])

    def kept(self, rows_T: NDArray[np.int64]) -> tuple[Kept, Kept | None]:
        """(T, D) features and (T, 75) 3D of these rows, on the disk."""
        return self.store.kept(rows_T, "phi"), self.store.kept(rows_T, "zero_shot") if self.zero_shot else None


class VideoMemory:
    """Backend and φs of one labelling of one video. As a context: what was answered is kept unless something failed."""

    def __init__(self, files: StageFiles, backend: PoseBackend, phis: Sequence[Phi], *, original: PoseBackend) -> None:
        """`original` is the backend itself where `backend` is wrapped: one that reads the file is always asked."""
        self.numbers = FrameNumbers()
        cached = None if isinstance(original, ReadsFile) else CachedBackend(backend, files, self.numbers)
        self.backend: PoseBackend = cached or backend
        self.phis = [CachedPhi(phi, files, self.numbers) for phi in phis]
        self._stores = [*(cached.stores if cached else ()), *(phi.store for phi in self.phis)]

    def __enter__(self) -> "VideoMemory":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for store in self._stores:
            if kind is None:
                store.finish()
            else:
                store.drop()


def _numbered(number: bytes, k: int) -> bytes:
    return question(number, k.to_bytes(4, "little"))


def _bytes(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, np.float32).tobytes()
