"""Which networks are asked again when a setting changes, and that labels are as if all had been asked."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harvest.config import LabelConfig
from harvest.fetch.policy import Policy, Verdict
from harvest.filters.presets import DEFAULT
from harvest.label import LabelledVideo, Labeller
from harvest.network_cache import CachedBackend, CachedNetworks, StageFiles
from harvest.recipe import recipe
from harvest.shot_labels import read_features
from harvest.sources.expand import expand
from harvest.video.decode import Frame
from harvest.video.overlap import Stopwatch
from storage.layout import STAGES

PLAIN = LabelConfig()


class Asked:
    """Networks that count what they are asked for."""

    def __init__(self, backend: object, phi: object) -> None:
        self._backend, self._phi = backend, phi
        self.name, self.weights, self.joints = backend.name, backend.weights, backend.joints  # type: ignore[attr-defined]
        self.dim = phi.dim  # type: ignore[attr-defined]
        self.counts = {"people": 0, "pose": 0, "phi": 0}

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.counts["people"] += len(frames)
        return self._backend.people(frames)  # type: ignore[attr-defined, no-any-return]

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        self.counts["pose"] += sum(map(len, boxes))
        return self._backend.pose(frames, boxes, expected)  # type: ignore[attr-defined, no-any-return]

    def features(self, frames: Sequence[np.ndarray], boxes: np.ndarray, keypoints: np.ndarray) -> object:
        self.counts["phi"] += len(frames)
        return self._phi.features(frames, boxes, keypoints)  # type: ignore[attr-defined]


@pytest.fixture
def video(paint: Callable[..., np.ndarray], film: Callable[..., Path]) -> Path:
    """One person all the time, another for 16 frames."""
    return film([
        paint({0: (10 + 3 * n + 5 * np.sin(n), 60), **({1: (200 - 2 * n, 150)} if 20 <= n < 36 else {})})
        for n in range(60)
    ])  # fmt: skip


@pytest.fixture
def label(video: Path, rectangles: type, box_phi: object, tmp_path: Path) -> Callable[..., tuple[LabelledVideo, dict]]:
    """label(config, warm=True): the labels, and how often each network was asked."""

    def labelled(config: LabelConfig, *, warm: bool = True) -> tuple[LabelledVideo, dict[str, int]]:
        networks = Asked(rectangles(), box_phi)
        (source,) = expand([video])
        cache = tmp_path / "cache" if warm else None
        labeller = Labeller(networks, [networks], config, Policy(), cache=cache)  # type: ignore[arg-type, list-item]
        rows = labeller.label(video, source, Verdict("open", {}))
        rows.rows["features"] = [read_features(row) for row in rows.rows["features"]]
        return rows, networks.counts

    return labelled


def _same(a: LabelledVideo, b: LabelledVideo) -> None:
    for name in ("tracklets", "rejects", "shots"):
        assert len(a.rows[name]) == len(b.rows[name])
        for one, other in zip(a.rows[name], b.rows[name], strict=True):
            for column in one:
                np.testing.assert_array_equal(one[column], other[column])
    assert [row["phi"] for row in a.rows["features"]] == [row["phi"] for row in b.rows["features"]]


CHANGES = {
    "nothing": (PLAIN, {"people": 0, "pose": 0, "phi": 0}),
    "a filter that keeps less": (replace(PLAIN, preset=replace(DEFAULT, min_frames=59)), None),
    "a filter that keeps more": (replace(PLAIN, preset=replace(DEFAULT, min_frames=10)), None),
    "a tracker's threshold": (
        replace(PLAIN, track=replace(PLAIN.track, max_cost=0.6)), {"people": 0, "pose": 0, "phi": 0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_threshold_asks_only_what_follows_it(label: Callable[..., tuple[LabelledVideo, dict]], change: str) -> None:
    config, counts = CHANGES[change]
    _, first = label(PLAIN)
    assert min(first.values()) > 10
    again, asked = label(config)
    assert (asked["people"], asked["pose"]) == (0, 0)
    assert asked["phi"] == (16 if change == "a filter that keeps more" else 0)
    if counts:
        assert asked == counts
    _same(again, label(config, warm=False)[0])


def test_another_rhythm_of_detection_asks_for_the_other_frames(
    label: Callable[..., tuple[LabelledVideo, dict]],
) -> None:
    _, first = label(PLAIN)
    every = replace(PLAIN, people=replace(PLAIN.people, detect_every=1))
    again, asked = label(every)
    assert asked["people"] == 60 - first["people"]
    _same(again, label(every, warm=False)[0])


def test_a_pose_is_remembered_with_the_hint_that_it_was_asked_with(
    rectangles: type, box_phi: object, tmp_path: Path
) -> None:
    backend = Asked(rectangles(), box_phi)
    frame, box = Frame(0, 0, np.zeros((240, 320, 3), np.uint8)), np.array([[10, 10, 50, 90]], np.float32)
    hints = [np.zeros((1, 25, 3), np.float32), np.ones((1, 25, 3), np.float32)]
    files = StageFiles(tmp_path, "content", recipe(PLAIN, backend, ()))
    for asked in (2, 2):
        with CachedNetworks(files, backend, (), Stopwatch()) as networks:
            for hint in hints:
                networks.backend.pose([frame], [box], [hint])
        assert backend.counts["pose"] == asked
    with CachedNetworks(files, backend, (), Stopwatch()) as networks:
        networks.backend.pose([frame], [box])
    assert backend.counts["pose"] == 2


def test_a_frame_is_known_by_its_index_and_not_by_its_pixels_place_in_memory(
    rectangles: type, box_phi: object, paint: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    """The decoder may draw every frame into the same array."""

    class Looking(rectangles):  # type: ignore[misc]
        def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
            self._seen = None
            return super().people(frames)  # type: ignore[no-any-return]

    backend, pixels = Asked(Looking(), box_phi), np.zeros((240, 320, 3), np.uint8)
    files = StageFiles(tmp_path, "content", recipe(PLAIN, backend, ()))
    with CachedNetworks(files, backend, (), Stopwatch()) as networks:
        lefts = []
        for index in range(3):
            pixels[:] = paint({0: (10 + 40 * index, 60)})
            ((box,),) = networks.backend.people([Frame(index, index, pixels)])
            lefts.append(int(box[0]))
    assert lefts == [10, 50, 90]
    with CachedNetworks(files, backend, (), Stopwatch()) as networks:
        ((box,),) = networks.backend.people([Frame(1, 1, pixels)])
    assert (int(box[0]), backend.counts["people"]) == (50, 3)


def test_a_backend_that_reads_the_file_is_always_asked(rectangles: type, tmp_path: Path) -> None:
    class Reading(rectangles):  # type: ignore[misc]
        def open_video(self, path: Path) -> None:
            """Nothing to read."""

    backend = Reading()
    cached = CachedBackend(backend, StageFiles(tmp_path, "content", recipe(PLAIN, backend, ())))
    for _ in range(2):
        cached.people([Frame(0, 0, np.zeros((240, 320, 3), np.uint8))])
    assert (backend.detections, cached.stores) == (2, ())


def test_damaged_cache_is_computed_again(
    label: Callable[..., tuple[LabelledVideo, dict]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, first = label(PLAIN)
    files = list((tmp_path / "cache").glob(f"*/{STAGES}/*"))
    assert len(files) == 3
    for path in files:
        path.write_bytes(path.read_bytes()[:-50] + b"?" * 50)
    with caplog.at_level(logging.WARNING):
        again, asked = label(PLAIN)
    assert len(caplog.records) == 3
    assert asked == first
    _same(again, whole)
    assert label(PLAIN)[1] == {"people": 0, "pose": 0, "phi": 0}


def test_failure_leaves_no_file(
    video: Path, rectangles: type, box_phi: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = expand([video])
    labeller = Labeller(rectangles(), [box_phi], PLAIN, Policy(), cache=tmp_path / "cache")  # type: ignore[list-item]
    monkeypatch.setattr(type(box_phi), "features", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        labeller.label(video, source, Verdict("open", {}))
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
