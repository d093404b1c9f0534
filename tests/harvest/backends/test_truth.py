"""The backend `truth` on a small film that is made here: an MP4 and its truth file, as the open world writes them."""

import hashlib
import json
import shutil
from pathlib import Path

import decord
import ffmpeg
import imageio_ffmpeg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harvest.backends.film_truth import FilmShelf
from harvest.backends.label_noise import NO_NOISE, NoiseModel
from harvest.backends.protocol import ReadsFile
from harvest.backends.truth import TruthBackend, TruthConfig
from storage.schema import FILM_TRUTH

WIDTH, HEIGHT, FRAMES = 64, 48, 9


def keypoints(x: float, frames: int = FRAMES) -> np.ndarray:
    """A person of 20 px height who walks to the right from x."""
    person = np.ones((frames, 25, 3))
    person[..., 1] = np.linspace(10, 30, 25)
    person[..., 0] = x + np.arange(frames)[:, None] + np.linspace(-3, 3, 25)
    return person


def truth_row(film: Path, index: int, person: np.ndarray, present: list[bool]) -> dict[str, object]:
    numbers = {"width": WIDTH, "height": HEIGHT, "fps_num": 25, "fps_den": 1, "time_base_num": 1, "time_base_den": 25}
    flat = person.reshape(FRAMES, 75).tolist()
    return {
        "film_id": film.stem, "person_index": index, "split": "dev", "motion": "walk", **numbers,
        "video_sha256": hashlib.sha256(film.read_bytes()).hexdigest(),
        "pts": list(range(FRAMES)), "shot_index": [0] * FRAMES, "present": present, "focal": [100.0] * FRAMES,
        "betas": [0.0] * 10, "rotations": [[0.0] * 216] * FRAMES, "translation": [[0.0] * 3] * FRAMES,
        "keypoints_3d": flat, "keypoints_2d": flat,
    }  # fmt: skip


def write_film(place: Path) -> None:
    pictures = np.random.default_rng(5).integers(0, 255, (FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8)
    pictures[4] = pictures[3]
    stream = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{WIDTH}x{HEIGHT}", r=25)
    stream = stream.output(str(place), vcodec="libx264", qp=0, pix_fmt="yuv444p", loglevel="error")
    program = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    stream.run(cmd=program, input=pictures.tobytes(), quiet=True)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("films") / "dev" / "dev_0001.mp4"
    place.parent.mkdir()
    write_film(place)
    hidden = keypoints(50)
    hidden[6:, 3:, 2] = 0
    rows = [truth_row(place, 0, keypoints(10), [True] * FRAMES), truth_row(place, 1, hidden, [True] * FRAMES)]
    rows.append(truth_row(place, 2, keypoints(30), [False] * FRAMES))
    pq.write_table(pa.Table.from_pylist(rows, FILM_TRUTH), place.with_suffix(".truth.parquet"))
    return place


def frames_of(film: Path) -> list[np.ndarray]:
    reader = decord.VideoReader(str(film))
    return [reader.next().asnumpy() for _ in range(len(reader))]


def opened(film: Path, copy: Path, noise: NoiseModel = NO_NOISE, seed: int = 0) -> TruthBackend:
    """The backend after it was given a copy of the film from elsewhere, as a download is."""
    shutil.copy(film, copy / "clip.mp4")
    backend = TruthBackend(TruthConfig(film.parents[1], noise, seed))
    assert isinstance(backend, ReadsFile)
    backend.open_video(copy / "clip.mp4")
    return backend


def test_without_noise_it_is_the_truth_of_each_frame(film: Path, tmp_path: Path) -> None:
    backend, frames = opened(film, tmp_path), frames_of(film)
    boxes = backend.people(frames)
    assert [len(found) for found in boxes] == [2] * 6 + [1] * 3
    for number, pose in enumerate(backend.pose(frames, boxes)):
        np.testing.assert_allclose(pose[0, :, :2], keypoints(10)[number, :, :2], atol=1e-4)
    only_second = backend.pose(frames[2:3], [boxes[2][1:, :4]])[0]
    np.testing.assert_allclose(only_second[0, :, :2], keypoints(50)[2, :, :2], atol=1e-4)


def test_equal_pictures_keep_their_order(film: Path, tmp_path: Path) -> None:
    backend, frames = opened(film, tmp_path), frames_of(film)
    np.testing.assert_array_equal(frames[3], frames[4])
    backend.people(frames[:4])
    boxes = backend.people(frames[5:6])[0]
    assert boxes[0, 0] == pytest.approx(keypoints(10)[5, :, 0].min() - 0.8, abs=0.01)


def test_nobody_in_a_box_elsewhere(film: Path, tmp_path: Path) -> None:
    backend, frames = opened(film, tmp_path), frames_of(film)
    assert not backend.pose(frames[:1], [np.array([[30, 40, 38, 47]])])[0].any()


def test_noise_depends_on_the_seed_alone(film: Path, tmp_path: Path) -> None:
    frames = frames_of(film)
    box = [np.array([[7, 9, 14, 31]])]
    one, same = (opened(film, tmp_path, NoiseModel(), seed=1) for _ in range(2))
    other = opened(film, tmp_path, NoiseModel(), seed=2)
    same.people(frames[:1])
    first = one.pose(frames[:1], box)[0]
    np.testing.assert_array_equal(first, same.pose(frames[:1], box)[0])
    assert np.abs(first - other.pose(frames[:1], box)[0]).max() > 1e-3
    assert one.weights == same.weights
    assert one.weights != other.weights


def test_other_videos_and_frames_are_refused(film: Path, tmp_path: Path) -> None:
    backend = TruthBackend(TruthConfig(film.parent))
    with pytest.raises(ValueError, match="open_video"):
        backend.people(frames_of(film)[:1])
    (tmp_path / "other.mp4").write_bytes(film.read_bytes() + b"\0")
    with pytest.raises(ValueError, match=r"other\.mp4: no \*\.truth\.parquet below"):
        backend.open_video(tmp_path / "other.mp4")
    backend.open_video(film)
    with pytest.raises(ValueError, match="not of the film"):
        backend.people([np.zeros((48, 64, 3), np.uint8)])


def test_a_film_with_nobody_in_it_is_known_by_its_facts(tmp_path: Path) -> None:
    film = tmp_path / "empty.mp4"
    film.write_bytes(b"frames of an empty scene")
    facts = json.dumps({"video_sha256": hashlib.sha256(film.read_bytes()).hexdigest()}).encode()
    rows = pa.schema(FILM_TRUTH, metadata={b"film": facts}).empty_table()
    pq.write_table(rows, tmp_path / "empty.truth.parquet")
    assert FilmShelf(tmp_path).people(film) == []


@pytest.mark.parametrize("facts", [b"[" * 100_000, b"[1]", b"{"])
def test_truth_with_strange_facts_is_named(film: Path, tmp_path: Path, facts: bytes) -> None:
    table = pq.read_table(film.with_suffix(".truth.parquet")).replace_schema_metadata({b"film": facts})
    pq.write_table(table, film.with_suffix(".truth.parquet"))
    with pytest.raises(ValueError, match="not the truth of a film"):
        opened(film, tmp_path)
