"""A file becomes rows: painted films through the whole of labelling, held against the same done in one piece."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from body.boxes import smooth_boxes
from harvest.config import LabelConfig
from harvest.errors import NoPerson, NothingUsable
from harvest.fetch.policy import Policy, Verdict
from harvest.filters.presets import DEFAULT, HMMR_2019
from harvest.label import TABLES_OF_A_VIDEO, LabelledVideo, Labeller
from harvest.sources.expand import expand
from storage.tables import rows_to_table

Paint = Callable[..., np.ndarray]
Film = Callable[..., Path]
VERDICT = Verdict("open", {"why": "test"})


def _label(path: Path, backend: object, phi: object, config: LabelConfig | None = None) -> LabelledVideo:
    (source,) = expand([path])
    labeller = Labeller(backend, [phi], config or LabelConfig(), Policy())  # type: ignore[arg-type, list-item]
    return labeller.label(path, source, VERDICT)


@pytest.fixture
def two_shots(paint: Paint, film: Film) -> Path:
    """70 frames with one, then two people; a cut; 45 frames of one on another ground."""
    first = [paint({0: (10 + 3 * n + 5 * np.sin(n), 60), **({1: (200 - n, 150)} if n > 30 else {})}) for n in range(70)]
    second = [np.full_like(first[0], (100, 90, 120)) for _ in range(45)]
    for n, frame in enumerate(second):
        frame[80:120, 30 + 4 * n : 50 + 4 * n] = (30, 30, 230)
    return film([*first, *second])


def test_rows_of_a_film(two_shots: Path, rectangles: type, box_phi: object) -> None:
    labelled = _label(two_shots, rectangles(), box_phi)
    tracklets = labelled.rows["tracklets"]
    assert [(row["shot_index"], row["person_index"], row["n_frames"]) for row in tracklets] == [
        (0, 0, 70), (0, 1, 38), (1, 0, 45)
    ]  # fmt: skip
    assert [row["first_frame"] for row in labelled.rows["shots"]] == [0, 70]
    last = tracklets[2]
    assert last["frame_index"].tolist() == list(range(70, 115))
    assert (last["fps_num"], last["fps_den"], last["seconds"]) == (25, 1, 1.8)
    assert np.diff(last["pts"]).tolist() == [1 / 25 / (last["time_base_num"] / last["time_base_den"])] * 44
    (video,) = labelled.rows["videos"]
    assert (video["n_frames"], video["width"], video["height"]) == (115, 320, 240)
    assert len(video["fingerprints"]) == 10
    assert {"decode", "people", "pose", "phi", "open"} == set(json.loads(video["stage_seconds"]))


def test_rows_fit_the_lakes_schemas(two_shots: Path, rectangles: type, box_phi: object) -> None:
    from datetime import UTC, datetime

    rows = _label(two_shots, rectangles(), box_phi).rows
    for name in TABLES_OF_A_VIDEO:
        stamp = {"committed_at": datetime.now(UTC)} if name in ("tracklets", "videos") else {}
        assert rows_to_table(name, [row | stamp for row in rows[name]]).num_rows == len(rows[name])


def test_streamed_boxes_and_phi_are_those_of_the_whole_track(
    two_shots: Path, rectangles: type, box_phi: object
) -> None:
    """φ is computed while the film still runs: box and pixels must be what they are when all of it is known."""
    labelled = _label(two_shots, rectangles(), box_phi)
    for row, features in zip(labelled.rows["tracklets"], labelled.rows["features"], strict=True):
        keypoints = row["keypoints"].reshape(-1, 25, 3)
        np.testing.assert_allclose(row["boxes"], smooth_boxes(keypoints, DEFAULT.visible_score), atol=1e-3)
        phi = np.frombuffer(features["phi"], "<f2").reshape(-1, 7)
        assert len(phi) == row["n_frames"]
        np.testing.assert_allclose(phi[:, :4], row["boxes"], atol=0.3, rtol=1e-3)
        assert (phi[:, 4:].mean(axis=1) < 75).all() == (row["shot_index"] == 0)


def test_a_phi_of_turned_crops_leaves_its_turns_in_the_row(two_shots: Path, rectangles: type, box_phi: object) -> None:
    class Turned(type(box_phi)):  # type: ignore[misc]
        name = "turned"

        def turns(self, keypoints_N25x3: np.ndarray) -> np.ndarray:
            return keypoints_N25x3[:, 0, 0].astype(np.float32)  # type: ignore[no-any-return]

    (source,) = expand([two_shots])
    labeller = Labeller(rectangles(), [box_phi, Turned()], LabelConfig(), Policy())  # type: ignore[list-item]
    rows = labeller.label(two_shots, source, VERDICT).rows
    assert [row["phi_name"] for row in rows["features"]] == ["box", "turned"] * 3
    for i, tracklet in enumerate(rows["tracklets"]):
        upright, turned = rows["features"][2 * i : 2 * i + 2]
        assert upright["turn"] is None
        np.testing.assert_array_equal(turned["turn"], tracklet["keypoints"][:, 0])
        assert tracklet["bridged_share"] == 0


def test_batches_do_not_change_labels(two_shots: Path, rectangles: type, box_phi: object) -> None:
    usual, odd = (_label(two_shots, rectangles(), box_phi, LabelConfig(phi_every=n)) for n in (16, 5))
    for a, b in zip(usual.rows["tracklets"], odd.rows["tracklets"], strict=True):
        np.testing.assert_array_equal(a["keypoints"], b["keypoints"])
        np.testing.assert_allclose(a["boxes"], b["boxes"], atol=1e-3)
    assert [row["phi"] for row in usual.rows["features"]] == [row["phi"] for row in odd.rows["features"]]


def test_preset_is_part_of_the_label(two_shots: Path, rectangles: type, box_phi: object) -> None:
    ours = _label(two_shots, rectangles(), box_phi)
    papers = _label(two_shots, rectangles(), box_phi, LabelConfig(preset=HMMR_2019))
    assert [row["n_frames"] for row in papers.rows["tracklets"]] == [70, 45]
    assert [(row["reason"], row["n_frames"]) for row in papers.rows["rejects"]] == [("too_short", 38)]
    assert ours.label_key != papers.label_key
    other = replace(LabelConfig(), phi_every=3)
    assert _label(two_shots, rectangles(), box_phi, other).label_key == ours.label_key


def test_film_without_people_is_an_answer(paint: Paint, film: Film, rectangles: type, box_phi: object) -> None:
    labelled = _label(film([paint({})] * 30), rectangles(), box_phi)
    assert isinstance(labelled.rejection, NoPerson)
    assert [row["reason"] for row in labelled.rows["rejects"]] == ["no_person"]
    assert len(labelled.rows["videos"]) == 1


def test_people_who_are_never_usable(paint: Paint, film: Film, rectangles: type, box_phi: object) -> None:
    frames = [paint({0: (20 + 3 * n, 100)} if n < 12 else {}) for n in range(30)]
    labelled = _label(film(frames), rectangles(), box_phi)
    assert isinstance(labelled.rejection, NothingUsable)
    assert "too_short" in labelled.rejection.message
    (row,) = labelled.rows["rejects"]
    assert (row["first_frame"], row["last_frame"], row["measured"], row["threshold"]) == (0, 11, 12, 20)


def test_left_out_stretch_ends_a_shot(paint: Paint, film: Film, rectangles: type, box_phi: object) -> None:
    path = film([paint({0: (20 + 2 * n, 60 + 30 * np.sin(n / 5))}) for n in range(100)])
    (source,) = expand([path])
    sections = replace(source, sections_s=((0.0, 1.2), (2.4, 4.0)))
    labelled = Labeller(rectangles(), [box_phi], LabelConfig(), Policy()).label(path, sections, VERDICT)  # type: ignore[list-item]
    assert [(row["first_frame"], row["last_frame"]) for row in labelled.rows["shots"]] == [(0, 29), (60, 99)]
    assert [row["n_frames"] for row in labelled.rows["tracklets"]] == [30, 40]


def test_sections_that_hold_no_picture(paint: Paint, film: Film, rectangles: type, box_phi: object) -> None:
    path = film([paint({0: (20 + 2 * n, 60 + 30 * np.sin(n / 5))}) for n in range(30)])
    (source,) = expand([path])
    beyond = replace(source, sections_s=((5.0, 6.0),))
    labelled = Labeller(rectangles(), [box_phi], LabelConfig(), Policy()).label(path, beyond, VERDICT)  # type: ignore[list-item]
    assert labelled.rejection is not None
    assert "no picture of it lies in the sections" in labelled.rejection.message


def test_memory_holds_a_window_of_frames_only(
    paint: Paint, film: Film, rectangles: type, box_phi: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harvest import shot_labels

    most = [0]
    original = shot_labels.ShotLabeller.push

    def push(self: shot_labels.ShotLabeller, frame: object, change: float) -> None:
        original(self, frame, change)  # type: ignore[arg-type]
        most[0] = max(most[0], len(self._frames))

    monkeypatch.setattr(shot_labels.ShotLabeller, "push", push)
    _label(film([paint({0: (20 + n, 60 + 30 * np.sin(n / 5))}) for n in range(200)]), rectangles(), box_phi)
    assert most[0] <= 50


def _accounted(labelled: LabelledVideo) -> list[int]:
    """Every picture of the file that a shot covers (to the next shot's first frame) or that a reject row names."""
    (video,) = labelled.rows["videos"]
    missing = [row for row in labelled.rows["rejects"] if row["stage"] == "decode"]
    named = [n for row in missing for n in range(row["first_frame"], row["last_frame"] + 1)]
    starts = [row["first_frame"] for row in labelled.rows["shots"]]
    covered = [n for n in range(video["n_frames"]) if starts and n >= starts[0] and n not in named]
    return sorted([*covered, *named])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", ("-c:v", "libx264")), ("a.webm", ("-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16")),
        ("a.mkv", ("-c:v", "libx265", "-x265-params", "log-level=none")), ("a.avi", ("-c:v", "mpeg4", "-bf", "2")),
        ("a.mpg", ("-c:v", "mpeg2video", "-bf", "2", "-r", "25")), ("a.asf", ("-c:v", "wmv2")), ("a.gif", ()),
        ("a.3g2", ("-c:v", "h263", "-s", "176x144")), ("a.f4v", ("-c:v", "libx264")), ("a.flv", ("-c:v", "flv")),
        ("a.qt", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-f", "mov")), ("a.mxf", ("-c:v", "mpeg2video", "-r", "25")),
        ("a.dv", ("-c:v", "dvvideo", "-s", "720x576", "-r", "25")), ("a.ogv", ("-c:v", "libtheora")),
    ],
)  # fmt: skip
def test_every_picture_of_every_kind_of_file_is_accounted_for(
    clip: Film, rectangles: type, box_phi: object, name: str, options: tuple[str, ...]
) -> None:
    labelled = _label(clip(name, *options, seconds=2), rectangles(), box_phi)
    (video,) = labelled.rows["videos"]
    assert video["n_frames"] in (50, 52, 60)  # ffmpeg doubles two pictures on the way from 30 to 25 a second
    assert _accounted(labelled) == list(range(video["n_frames"]))
    assert not [row for row in labelled.rows["rejects"] if row["stage"] == "decode"]


def test_lost_and_unwanted_pictures_have_rows(clip: Film, rectangles: type, box_phi: object, tmp_path: Path) -> None:
    whole = clip("whole.ts", "-c:v", "libx264", "-bf", "2", "-g", "30", seconds=4).read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole[: 4 * 188] + whole[len(whole) * 2 // 5 // 188 * 188 :])
    labelled = _label(cut, rectangles(), box_phi)
    (video,) = labelled.rows["videos"]
    lost = [row for row in labelled.rows["rejects"] if row["reason"] == "not_decoded"]
    assert lost
    assert sum(row["n_frames"] for row in lost) == lost[0]["measured"] < video["n_frames"] / 2
    assert _accounted(labelled) == list(range(video["n_frames"]))
    assert labelled.rejection is not None
    (source,) = expand([cut])
    part = replace(source, sections_s=((2.0, 2.5),))
    labeller = Labeller(rectangles(), [box_phi], LabelConfig(), Policy())  # type: ignore[list-item]
    rows = labeller.label(cut, part, VERDICT).rows
    assert {row["reason"] for row in rows["rejects"] if row["stage"] == "decode"} == {"outside_sections"}
    assert len(rows["shots"]) == 1
