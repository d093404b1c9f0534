"""Networks that are asked the same question about a source once only, across labellings: storage/stage_cache.py.

A question is the frame and the box (for φ the joints too), under a key of everything before it that decides the
answer. So a changed filter or tracker costs no network where it asks for the same boxes, and labels stay what they
would be without the memory. P people of a frame, N crops, D feature dimension.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harvest.around import AroundBackend
from harvest.backends.protocol import PoseBackend, ReadsFile
from harvest.phi.protocol import Phi
from storage.label_key import Recipe, digest
from storage.stage_cache import Kept, StageStore, question

Answer = list[tuple[str, str, tuple[int, ...]]]
"""Fields of a numpy record."""

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


class RememberedBackend(AroundBackend):
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

    def pose(self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As the backend inside says, now or earlier."""
        found = [np.zeros((len(boxes_P4), 25, 3), np.float32) for boxes_P4 in boxes]
        unknown: list[list[int]] = [[] for _ in frames]
        for i, (frame, boxes_P4) in enumerate(zip(frames, boxes, strict=True)):
            for p, box in enumerate(boxes_P4):
                row = self._poses.find(question(self._numbers.of(frame), _bytes(box)))
                if row is None:
                    unknown[i].append(p)
                else:
                    found[i][p] = self._poses.answer(row)["pose"]
        asked = [i for i, people in enumerate(unknown) if people]
        fresh = self._inner.pose([frames[i] for i in asked], [boxes[i][unknown[i]] for i in asked]) if asked else []
        for i, poses in zip(asked, fresh, strict=True):
            for p, pose in zip(unknown[i], poses, strict=True):
                found[i][p] = pose
                self._poses.add(question(self._numbers.of(frames[i]), _bytes(boxes[i][p])), found[i][p])
        return found


class RememberedPhi:
    """A φ that computes only crops that it has not seen; its rows stay on the disk."""

    def __init__(self, inner: Phi, files: StageFiles, numbers: FrameNumbers) -> None:
        self.inner, self._numbers = inner, numbers
        answer: Answer = [("phi", "<f2", (inner.dim,)), ("zero_shot", "<f4", (75,)), ("has_zero_shot", "?", ())]
        self.store = files.store(f"phi/{inner.name}", f"phi {inner.name} {inner.dim}", inner.weights, answer)
        self.zero_shot = False
        """Whether this φ gives 3D of its own, once a crop was asked for."""

    def rows(self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray) -> list[int]:
        """(N) where in the store the features of each crop are."""
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
            self._compute(frames, boxes_N4, keypoints_N25x3, keys, rows, unknown)
        return [row for row in rows if row is not None]

    def _compute(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray,
        keys: Sequence[bytes], rows: list[int | None], unknown: Sequence[int],
    ) -> None:  # fmt: skip
        some = list(unknown)
        features, zero_shot = self.inner.features([frames[n] for n in some], boxes_N4[some], keypoints_N25x3[some])
        self.zero_shot = zero_shot is not None
        for k, n in enumerate(some):
            zero = np.zeros(75, np.float32) if zero_shot is None else zero_shot[k].reshape(75)
            rows[n] = self.store.add(keys[n], features[k].astype(np.float16), zero, self.zero_shot)

    def kept(self, rows_T: NDArray[np.int64]) -> tuple[Kept, Kept | None]:
        """(T, D) features and (T, 75) 3D of these rows, on the disk."""
        return self.store.kept(rows_T, "phi"), self.store.kept(rows_T, "zero_shot") if self.zero_shot else None


class VideoMemory:
    """Backend and φs of one labelling of one video. As a context: what was answered is kept unless something failed."""

    def __init__(self, files: StageFiles, backend: PoseBackend, phis: Sequence[Phi], *, original: PoseBackend) -> None:
        """`original` is the backend itself where `backend` is wrapped: one that reads the file is always asked."""
        self.numbers = FrameNumbers()
        remembered = None if isinstance(original, ReadsFile) else RememberedBackend(backend, files, self.numbers)
        self.backend: PoseBackend = remembered or backend
        self.phis = [RememberedPhi(phi, files, self.numbers) for phi in phis]
        self._stores = [*(remembered.stores if remembered else ()), *(phi.store for phi in self.phis)]

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
