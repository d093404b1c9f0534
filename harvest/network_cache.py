"""The networks as the labeller asks them: by frame, timed, and each question about a video only once.

Answers stay on the disk across labellings (storage/stage_cache.py). A question is the frame's index and the box (for a
pose also the expected joints, for φ also the joints), under a key of everything before it that decides the answer. So
after a change of a filter or of the tracker no network runs where it is asked for the same boxes, and the labels are
what they would be without the cache.

Letters: P people of a frame, N crops, D feature dimension, T frames of a run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harvest.backends.protocol import PoseBackend, ReadsFile, TwoLooks
from harvest.phi.protocol import Phi, TurnedPhi
from harvest.video.decode import Frame
from harvest.video.overlap import Stopwatch
from storage.labels.key import Recipe, digest
from storage.stage_cache import Kept, StageStore, question

RecordFields = list[tuple[str, str, tuple[int, ...]]]
"""Fields of a numpy record: name, type, shape."""

Features = tuple[np.ndarray, np.ndarray | None]
"""What `Phi.features` returns for N crops."""

RunBoth = Callable[[Callable[[], Features], Callable[[], Features]], tuple[Features, Features]]
"""Calls two functions, perhaps on two threads, and returns what both return (`Overlap.both`)."""


@dataclass(frozen=True)
class StageFiles:
    """Where the answers about one video lie, and what they depend on."""

    folder: Path
    content_sha256: str
    recipe: Recipe

    def store(self, stage: str, kind: str, weights: Mapping[str, str], fields: RecordFields) -> StageStore:
        """The answers of one network. Their file name changes with the video's content, the way it is decoded, the
        network, its weights and the version of the stage; it does not change with thresholds."""
        versions = {part.name: part.version for part in self.recipe.stages}
        decode = asdict(self.recipe.stages[0])
        key = digest([self.content_sha256, decode, stage, versions[stage], kind, dict(weights)])
        return StageStore(self.folder / f"{kind.split()[0]}-{key[:24]}", fields)


class CachedBackend:
    """A pose backend that is asked by frame. It computes only what was not asked before."""

    def __init__(self, backend: PoseBackend, files: StageFiles | None, watch: Stopwatch | None = None) -> None:
        """Without `files`, or for a backend that reads the file itself, nothing is cached."""
        self._backend, self._watch = backend, watch or Stopwatch()
        self.stores: tuple[StageStore, ...] = ()
        if files is not None and not isinstance(backend, ReadsFile):
            boxes: RecordFields = [("count", "<i4", ()), ("box", "<f4", (5,))]
            pose: RecordFields = [("pose", "<f4", (25, 3))]
            self._people = files.store("people", f"people {backend.name}", backend.weights, boxes)
            self._people_again = files.store("people", f"again {backend.name}", backend.weights, boxes)
            self._poses = files.store("people", f"pose {backend.name}", backend.weights, pose)
            self.stores = (self._people, self._people_again, self._poses)

    @property
    def has_second_look(self) -> bool:
        """Whether `people` differs with `again`."""
        return isinstance(self._backend, TwoLooks)

    def people(self, frames: Sequence[Frame], *, again: bool = False) -> list[np.ndarray]:
        """Per frame (P, 5), as `PoseBackend.people` gives it, now or in an earlier labelling. `again`: as
        `TwoLooks.people_again` does, if the backend has it."""
        again = again and self.has_second_look
        if not self.stores:
            return self._ask_people(frames, again)
        store = self._people_again if again else self._people
        boxes = [_cached_people(store, _index(frame)) for frame in frames]
        unknown = [i for i, boxes_P5 in enumerate(boxes) if boxes_P5 is None]
        fresh = self._ask_people([frames[i] for i in unknown], again) if unknown else []
        for i, boxes_P5 in zip(unknown, fresh, strict=True):
            boxes_P5 = np.asarray(boxes_P5, np.float32).reshape(-1, 5)
            for k, box in enumerate(boxes_P5 if len(boxes_P5) else np.zeros((1, 5), np.float32)):
                store.add(_question_of_box(_index(frames[i]), k), len(boxes_P5), box)
            boxes[i] = boxes_P5
        return [np.asarray(boxes_P5) for boxes_P5 in boxes]

    def pose(
        self, frames: Sequence[Frame], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Per frame (P, 25, 3), as `PoseBackend.pose` gives it, now or in an earlier labelling."""
        hints = expected or [np.zeros((len(boxes_P4), 25, 3), np.float32) for boxes_P4 in boxes]
        if not self.stores:
            return self._ask_pose(frames, boxes, hints)
        poses = [np.zeros((len(boxes_P4), 25, 3), np.float32) for boxes_P4 in boxes]
        keys = [
            [
                question(_index(frame), _float_bytes(box), _float_bytes(hint))
                for box, hint in zip(boxes_P4, hints_P253, strict=True)
            ]
            for frame, boxes_P4, hints_P253 in zip(frames, boxes, hints, strict=True)
        ]
        unknown = [self._fill_cached_poses(keys_P, poses_P253) for keys_P, poses_P253 in zip(keys, poses, strict=True)]
        asked = [i for i, people in enumerate(unknown) if people]
        fresh = self._ask_pose(
            [frames[i] for i in asked], [boxes[i][unknown[i]] for i in asked], [hints[i][unknown[i]] for i in asked]
        ) if asked else []  # fmt: skip
        for i, fresh_poses in zip(asked, fresh, strict=True):
            for p, pose in zip(unknown[i], fresh_poses, strict=True):
                poses[i][p] = pose
                self._poses.add(keys[i][p], poses[i][p])
        return poses

    def _ask_people(self, frames: Sequence[Frame], again: bool) -> list[np.ndarray]:
        pixels = [frame.pixels_HW3 for frame in frames]
        with self._watch.stage("people"):
            if again and isinstance(self._backend, TwoLooks):
                return self._backend.people_again(pixels)
            return self._backend.people(pixels)

    def _ask_pose(
        self, frames: Sequence[Frame], boxes: Sequence[np.ndarray], hints: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        with self._watch.stage("pose"):
            return self._backend.pose([frame.pixels_HW3 for frame in frames], boxes, hints)

    def _fill_cached_poses(self, keys_P: Sequence[bytes], poses_P253: NDArray[np.float32]) -> list[int]:
        """Copy cached poses into the array. Returns the places of those that are not cached."""
        rows = [self._poses.find(key) for key in keys_P]
        for p, row in enumerate(rows):
            if row is not None:
                poses_P253[p] = self._poses.answer(row)["pose"]
        return [p for p, row in enumerate(rows) if row is None]


class CachedPhi:
    """A φ that is asked by frame. It computes only new crops, and leaves all features on the disk."""

    def __init__(self, phi: Phi, files: StageFiles, watch: Stopwatch | None = None) -> None:
        self._phi, self._watch = phi, watch or Stopwatch()
        self.name, self.dim = phi.name, phi.dim
        self.is_turned = isinstance(phi, TurnedPhi)
        fields: RecordFields = [("phi", "<f2", (phi.dim,)), ("zero_shot", "<f4", (75,)), ("has_zero_shot", "?", ())]
        self.store = files.store(f"phi/{phi.name}", f"phi {phi.name} {phi.dim}", phi.weights, fields)
        self._has_zero_shot = False

    def rows(
        self,
        frames: Sequence[Frame],
        boxes_N4: np.ndarray,
        keypoints_N25x3: np.ndarray,
        run_both: RunBoth | None = None,
    ) -> list[int]:
        """(N) the row of the store that holds each crop's features. With `run_both` new crops are computed in two
        halves by it."""
        keys = [
            question(_index(frame), _float_bytes(box), _float_bytes(keypoints))
            for frame, box, keypoints in zip(frames, boxes_N4, keypoints_N25x3, strict=True)
        ]
        rows = [self.store.find(key) for key in keys]
        unknown = [n for n, row in enumerate(rows) if row is None]
        if len(unknown) < len(rows):
            known = next(row for row in rows if row is not None)
            self._has_zero_shot = bool(self.store.answer(known)["has_zero_shot"])
        if unknown:
            fresh, zero_shot = self._compute(frames, boxes_N4, keypoints_N25x3, unknown, run_both)
            self._has_zero_shot = zero_shot is not None
            zeros = np.zeros((len(unknown), 75), np.float32) if zero_shot is None else zero_shot.reshape(-1, 75)
            for n, features, zero in zip(unknown, fresh, zeros, strict=True):
                rows[n] = self.store.add(keys[n], features.astype(np.float16), zero, self._has_zero_shot)
        return [row for row in rows if row is not None]

    def turns(self, keypoints_N25x3: np.ndarray) -> np.ndarray:
        """(N) radians by which each crop is turned (`TurnedPhi.turns`); zeros if this φ has upright crops."""
        if isinstance(self._phi, TurnedPhi):
            return self._phi.turns(keypoints_N25x3)
        return np.zeros(len(keypoints_N25x3), np.float32)

    def kept(self, rows_T: NDArray[np.int64]) -> tuple[Kept, Kept | None]:
        """(T, D) features and (T, 75) 3D of these rows, still on the disk. None if this φ gives no 3D."""
        zero_shot = self.store.kept(rows_T, "zero_shot") if self._has_zero_shot else None
        return self.store.kept(rows_T, "phi"), zero_shot

    def _compute(
        self, frames: Sequence[Frame], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray, which: Sequence[int],
        run_both: RunBoth | None,
    ) -> Features:  # fmt: skip

        def features(some: Sequence[int]) -> Features:
            with self._watch.stage("phi"):
                return self._phi.features(
                    [frames[n].pixels_HW3 for n in some], boxes_N4[some], keypoints_N25x3[some]
                )  # fmt: skip

        if run_both is None or len(which) < 2:
            return features(which)
        half = len(which) // 2
        (first, zero_first), (second, zero_second) = run_both(
            partial(features, which[:half]), partial(features, which[half:])
        )
        if zero_first is None or zero_second is None:
            return np.concatenate([first, second]), None
        return np.concatenate([first, second]), np.concatenate([zero_first, zero_second])


class CachedNetworks:
    """Backend and φs for one labelling of one video. As a context it keeps the new answers, unless something failed."""

    def __init__(self, files: StageFiles, backend: PoseBackend, phis: Sequence[Phi], watch: Stopwatch) -> None:
        self.backend = CachedBackend(backend, files, watch)
        self.phis = [CachedPhi(phi, files, watch) for phi in phis]

    def __enter__(self) -> "CachedNetworks":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for store in (*self.backend.stores, *(phi.store for phi in self.phis)):
            if kind is None:
                store.finish()
            else:
                store.drop()


def _index(frame: Frame) -> bytes:
    return frame.index.to_bytes(8, "little")


def _cached_people(store: StageStore, index: bytes) -> NDArray[np.float32] | None:
    first = store.find(_question_of_box(index, 0))
    if first is None:
        return None
    count = int(store.answer(first)["count"])
    rows = [store.find(_question_of_box(index, k)) for k in range(count)]
    boxes = [store.answer(row)["box"] for row in rows if row is not None]
    return np.array(boxes, np.float32).reshape(-1, 5) if len(boxes) == count else None


def _question_of_box(index: bytes, k: int) -> bytes:
    return question(index, k.to_bytes(4, "little"))


def _float_bytes(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, np.float32).tobytes()
