"""Human3.6M as it is downloaded: SUBJECT/MyPoseFeatures/D3_Positions/*.cdf, SUBJECT/Videos/*.mp4, metadata.xml.

Legend: N frames at 50 per second; files in mm, here in metres. 32 raw points, of which 17 are joints.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from evaluation.camera import Camera
from evaluation.errors import BadDatasetError
from evaluation.joint_sets import H36M_17, H36M_32_TO_17
from evaluation.readers.cdf import read_cdf
from evaluation.readers.files import opens, read_mat, read_text
from evaluation.sequence import BenchmarkSequence, Joints, field_of, shaped

FPS = 50.0
CAMERAS = ("54138969", "55011271", "58860488", "60457274")
FRONTAL = "60457274"
"""The camera of protocol 2; HMMR calls it cam03."""

TRAIN, VALIDATION, TEST = ("S1", "S6", "S7", "S8"), ("S5",), ("S9", "S11")
"""HMMR's split: S5 is kept back for validation, and its backbone never saw it."""

MISSING = {("S11", "Directions"): "the video of S11 Directions 1 is broken; HMMR skips it"}


@opens("take")
def read_h36m_take(root: Path, take: Path, cameras: Sequence[str] = CAMERAS) -> Iterator[BenchmarkSequence]:
    """Yields one take (its D3_Positions file) as seen by each of `cameras`."""
    lenses = read_cameras(root / "metadata.xml")
    subject, points = take.parents[2].name, read_positions(take)
    for name in cameras:
        yield _seen(root, subject, take.name.split(".cdf")[0], name, lenses[subject, name], points)


@opens("path")
def read_positions(path: Path) -> NDArray[np.float64]:
    """(N, 32, 3) m in the world of the laboratory, from a .cdf or from the .cdf.mat that MATLAB makes of it."""
    if path.suffix == ".mat":
        flat = field_of(path, np.asarray(field_of(path, read_mat(path), "data"), object).reshape(-1), 0)
        flat = np.atleast_2d(np.asarray(flat))
    else:
        flat = field_of(path, read_cdf(path), "Pose")
    flat = flat.reshape(-1, flat.shape[-1])
    return shaped(path, "Pose", flat, None, 96).reshape(-1, 32, 3) / 1000


@opens("path")
def read_cameras(path: Path) -> dict[tuple[str, str], Camera]:
    """Camera of each subject and name. The file's vector w0 has, for 4 cameras of 11 subjects, three angles and a
    place (mm), then for 4 cameras focal length (2), centre (2), radial (3) and tangential (2) distortion."""
    if not path.is_file():
        raise BadDatasetError(path, "is not there; it comes with the Code archive")
    vector = re.search(r"<w0>\s*\[(.*?)\]\s*</w0>", read_text(path), re.DOTALL)
    if vector is None:
        raise BadDatasetError(path, "has no <w0>: is it Human3.6M's metadata.xml?")
    w0 = shaped(path, "w0", vector.group(1).replace(",", " ").split(), 300)
    return {
        (f"S{subject + 1}", name): _camera(w0[6 * (11 * i + subject) :][:6], w0[264 + 9 * i :][:9])
        for i, name in enumerate(CAMERAS)
        for subject in range(11)
    }


def _camera(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> Camera:
    rotation = Rotation.from_euler("XYZ", outer[:3]).as_matrix()
    return Camera(
        focal=inner[:2],
        centre=inner[2:4],
        radial=inner[4:7],
        tangential=inner[7:9],
        rotation=rotation,
        translation=-rotation @ outer[3:] / 1000,
    )


def _seen(
    root: Path, subject: str, take: str, name: str, camera: Camera, world: NDArray[np.float64]
) -> BenchmarkSequence:
    points = camera.to_camera(world)[:, H36M_32_TO_17, :]
    pixels = camera.project(points)
    video = root / subject / "Videos" / f"{take}.{name}.mp4"
    broken = (subject, take.split(" ")[0]) in MISSING and not video.exists()
    return BenchmarkSequence(
        dataset="h36m",
        split=_split(subject),
        name=f"{subject}/{take}/{name}",
        fps=FPS,
        frame_ids=np.arange(len(points)),
        valid=np.full(len(points), not broken),
        joints_3d=Joints(H36M_17, points),
        joints_2d=Joints(H36M_17, np.concatenate([pixels, np.ones_like(pixels[..., :1])], -1)),
        camera=camera,
        video=video,
        counted={"known_broken_video": len(points)} if broken else {},
    )


def _split(subject: str) -> str:
    if subject in TEST:
        return "test"
    return "validation" if subject in VALIDATION else "train"
