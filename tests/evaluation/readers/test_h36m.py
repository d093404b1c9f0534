"""Human3.6M: CDF and metadata.xml written here byte by byte, distortion against OpenCV, sides against a real gait."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat
from scipy.spatial.transform import Rotation

from evaluation.errors import BadDatasetError
from evaluation.readers.cdf import read_cdf
from evaluation.readers.datasets import DATASETS
from evaluation.readers.h36m import CAMERAS, read_cameras, read_h36m_take, read_positions

S9_CAMERA = {  # of the order of the release's own numbers; f, c in px, k and p without unit
    "f": (1145.05, 1143.78), "c": (512.54, 515.45), "k": (-0.2071, 0.2478, -0.0031), "p": (-0.00098, -0.00142),
}  # fmt: skip


def write_cdf(path: Path, values: np.ndarray, *, packed: bool = False, little: bool = False) -> None:
    """One CDF 3 file with the variable Pose (records, *dims), as the format's description lays it out."""
    raw = values.astype("<f8" if little else ">f8").tobytes()
    cdr_at, gdr_at = 8, 8 + 312
    vdr_at = gdr_at + 84
    dims = values.shape[1:]
    vdr_size = 344 + 8 * len(dims)
    vxr_at = vdr_at + vdr_size
    vvr_at = vxr_at + 28 + 16
    if packed:
        squeezed = zlib.compress(raw, 6, 31)
        body = struct.pack(">qiiq", 24 + len(squeezed), 13, 0, len(squeezed)) + squeezed
    else:
        body = struct.pack(">qi", 12 + len(raw), 7) + raw
    cdr = struct.pack(">qiqiiii", 312, 1, gdr_at, 3, 8, 6 if little else 1, 3).ljust(312, b"\0")
    gdr = struct.pack(">qiqqqqiiiii", 84, 2, 0, vdr_at, 0, vvr_at + len(body), 0, 0, -1, 0, 1).ljust(84, b"\0")
    vdr = struct.pack(
        ">qiqiiqqiiiiiiiqi", vdr_size, 8, 0, 45, len(values) - 1, vxr_at, vxr_at, 1, 0, 0, 0, 0, 1, 0, -1, 0
    )
    vdr += b"Pose".ljust(256, b"\0") + struct.pack(f">i{len(dims)}i{len(dims)}i", len(dims), *dims, *[-1] * len(dims))
    vxr = struct.pack(">qiqiiiiq", 44, 6, 0, 1, 1, 0, len(values) - 1, vvr_at)
    assert (len(vdr), len(vxr), cdr_at) == (vdr_size, 44, 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\xcd\xf3\x00\x01\x00\x00\xff\xff" + cdr + gdr + vdr + vxr + body)


def write_metadata(path: Path) -> np.ndarray:
    w0 = np.random.default_rng(0).uniform(-3, 3, 300)
    for camera in range(4):
        for subject in range(11):
            w0[6 * (11 * camera + subject) + 3 :][:3] = [100.0 * camera, 4500.0, 1500.0 + subject]
        w0[264 + 9 * camera :][:9] = [*S9_CAMERA["f"], *S9_CAMERA["c"], *S9_CAMERA["k"], *S9_CAMERA["p"]]
    path.write_text(f"<metadata><other/><w0>[{' '.join(f'{value:.12g}' for value in w0)}]</w0></metadata>")
    return w0


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    w0 = write_metadata(tmp_path / "metadata.xml")
    # a person near what each camera looks at, so that nothing lies behind a camera
    points = np.random.default_rng(1).normal(0, 300, (1, 5, 32, 3))
    write_cdf(tmp_path / "S9" / "MyPoseFeatures" / "D3_Positions" / "Directions 1.cdf", points.reshape(1, 5, 96))
    np.save(tmp_path / "truth.npy", points[0])
    np.save(tmp_path / "w0.npy", w0)
    return tmp_path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("little", [False, True])
def test_cdf_gives_back_every_number(tmp_path: Path, packed: bool, little: bool) -> None:
    values = np.random.default_rng(2).normal(size=(3, 7, 96))
    write_cdf(tmp_path / "a.cdf", values, packed=packed, little=little)
    np.testing.assert_array_equal(read_cdf(tmp_path / "a.cdf")["Pose"], values)


def test_cameras_stand_where_the_vector_says(copy: Path) -> None:
    w0, cameras = np.load(copy / "w0.npy"), read_cameras(copy / "metadata.xml")
    assert len(cameras) == 44
    camera = cameras["S9", "60457274"]
    a, b, c = w0[6 * (11 * 3 + 8) :][:3]
    about = [Rotation.from_rotvec(v).as_matrix() for v in ([a, 0, 0], [0, b, 0], [0, 0, c])]
    np.testing.assert_allclose(camera.rotation, about[0] @ about[1] @ about[2], atol=1e-9)
    np.testing.assert_allclose(camera.to_camera(np.array([0.3, 4.5, 1.508])), [0, 0, 0], atol=1e-9)


def test_projection_with_distortion_is_opencvs_to_a_fifth_of_a_pixel(copy: Path) -> None:
    camera = read_cameras(copy / "metadata.xml")["S9", CAMERAS[0]]
    points = np.random.default_rng(3).normal(0, 0.5, (200, 3)) + np.array([0, 0, 4.5])
    (k1, k2, k3), (p1, p2) = S9_CAMERA["k"], S9_CAMERA["p"]
    lens = np.array([[S9_CAMERA["f"][0], 0, S9_CAMERA["c"][0]], [0, S9_CAMERA["f"][1], S9_CAMERA["c"][1]], [0, 0, 1]])
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), lens, np.array([k1, k2, p1, p2, k3]))
    assert abs(camera.project(points) - expected[:, 0]).max() < 0.2
    straight, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), lens, np.zeros(5))
    assert abs(straight - expected).max() > 1


def test_takes_cameras_units_and_hazard_21_the_right_leg_comes_first(copy: Path) -> None:
    sequences = list(DATASETS["h36m"].sequences(copy))
    assert [s.name for s in sequences] == [f"S9/Directions 1/{camera}" for camera in CAMERAS]
    last = sequences[-1]
    assert (last.fps, last.split, len(last)) == (50.0, "test", 5)
    world_mm = np.load(copy / "truth.npy")
    camera = read_cameras(copy / "metadata.xml")["S9", "60457274"]
    for name, raw in (("right_hip", 1), ("right_ankle", 3), ("left_hip", 6), ("left_wrist", 19), ("right_wrist", 27)):
        np.testing.assert_allclose(last.joints_3d.pick([name])[:, 0], camera.to_camera(world_mm[:, raw] / 1000))
    assert last.video == copy / "S9" / "Videos" / "Directions 1.60457274.mp4"


def test_the_video_that_is_broken_in_the_release_is_counted_out(copy: Path) -> None:
    take = copy / "S11" / "MyPoseFeatures" / "D3_Positions" / "Directions.cdf"
    write_cdf(take, np.zeros((1, 3, 96)))
    (sequence,) = read_h36m_take(copy, take, ("60457274",))
    assert not sequence.valid.any()
    assert sequence.counted == {"known_broken_video": 3}


def test_converted_mat_files_read_the_same(tmp_path: Path) -> None:
    values = np.random.default_rng(4).normal(size=(6, 96))
    cell = np.empty((1, 1), object)
    cell[0, 0] = values
    savemat(tmp_path / "Walking.cdf.mat", {"data": cell})
    np.testing.assert_allclose(read_positions(tmp_path / "Walking.cdf.mat"), values.reshape(6, 32, 3) / 1000)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: b"not a cdf" + data, "not an uncompressed CDF 3"),
        (lambda data: data[:700], "broken CDF"),
        (lambda data: data[: 8 + 312 + 20] + b"\x7f" * 8 + data[8 + 312 + 28 :], "broken CDF"),
    ],
)
def test_damaged_cdf_is_named(tmp_path: Path, damage, words: str) -> None:
    path = tmp_path / "a.cdf"
    write_cdf(path, np.zeros((1, 4, 96)))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BadDatasetError, match=words):
        read_cdf(path)


def test_missing_camera_file_and_poses_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadDatasetError, match=r"holds nothing of h36m.*metadata\.xml"):
        list(DATASETS["h36m"].sequences(tmp_path))
    write_cdf(tmp_path / "S9" / "MyPoseFeatures" / "D3_Positions" / "Directions.cdf", np.zeros((1, 3, 96)))
    with pytest.raises(BadDatasetError, match=r"metadata\.xml: is not there; it comes with the Code archive"):
        list(DATASETS["h36m"].sequences(tmp_path))
