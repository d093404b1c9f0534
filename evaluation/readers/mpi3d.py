"""MPI-INF-3DHP as it is downloaded: S1/Seq1/annot.mat + camera.calibration + videos, and TS1/annot_data.mat + images.

Legend: F frames, C cameras; files in mm and camera axes, here in metres.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.camera import Camera
from evaluation.errors import BadDatasetError
from evaluation.joint_sets import MPI3D_17, MPI3D_28
from evaluation.readers.files import opens, read_hdf5, read_mat, read_text
from evaluation.sequence import BenchmarkSequence, Joints, field_of, shaped

VNECT_CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
FPS = {("S1", "Seq2"): 50.0, **{(s, q): 50.0 for s in ("S3", "S5") for q in ("Seq1", "Seq2")}}
"""Sequences at 50 frames a second, from the release's mpii_get_sequence_info.m; the others have 25."""


@opens("folder")
def read_mpi3d_train_folder(folder: Path, cameras: Sequence[int] = VNECT_CAMERAS) -> Iterator[BenchmarkSequence]:
    """Yields one sequence (S?/Seq?) as seen by each of `cameras`."""
    annotations = read_mat(folder / "annot.mat")
    lenses = read_calibration(folder / "camera.calibration")
    for camera in cameras:
        yield _train(folder, annotations, lenses, camera)


@opens("path")
def read_mpi3d_test_file(path: Path) -> BenchmarkSequence:
    """One test sequence (TS?/annot_data.mat).

    Truth is `univ_annot3`, the height-normalised one that VIBE and SPIN score. Every frame is given, and `valid` says
    which ones the release itself counts (TCMR leaves the others out, VIBE does not).
    """
    entries = read_hdf5(path, ("annot2", "univ_annot3", "valid_frame"))
    points = shaped(path, "univ_annot3", np.squeeze(entries["univ_annot3"], 1), None, 17, 3) / 1000
    pixels = shaped(path, "annot2", np.squeeze(entries["annot2"], 1), None, 17, 2)
    length = min(len(points), len(pixels))
    return BenchmarkSequence(
        dataset="mpi_inf_3dhp",
        split="test",
        name=path.parent.name,
        fps=None,
        frame_ids=np.arange(length),
        valid=entries["valid_frame"].reshape(-1)[:length] > 0,
        joints_3d=Joints(MPI3D_17, points[:length]),
        joints_2d=Joints(MPI3D_17, _seen(pixels[:length])),
        images=tuple(path.parent / "imageSequence" / f"img_{i + 1:06d}.jpg" for i in range(length)),
        counted={"frames_of_unequal_length": abs(len(points) - len(pixels))},
    )


@opens("path")
def read_calibration(path: Path) -> dict[int, Camera]:
    """Cameras of a Skeletool file: 7 lines each, the fifth the intrinsics and the sixth the extrinsics (mm)."""
    try:
        lines = read_text(path).splitlines()[1:]
        blocks = [lines[i : i + 7] for i in range(0, len(lines) - 6, 7)]
        return {int(block[0].split()[1]): _camera(path, block) for block in blocks}
    except (ValueError, IndexError) as error:
        raise BadDatasetError(path, f"is not a Skeletool calibration ({error})") from error


def _camera(path: Path, block: Sequence[str]) -> Camera:
    inner = shaped(path, "intrinsic", block[4].split()[1:], 16).reshape(4, 4)
    outer = shaped(path, "extrinsic", block[5].split()[1:], 16).reshape(4, 4)
    return Camera(
        focal=np.array([inner[0, 0], inner[1, 1]]),
        centre=inner[:2, 2],
        rotation=outer[:3, :3],
        translation=outer[:3, 3] / 1000,
    )


def _train(folder: Path, annotations: dict[str, Any], lenses: dict[int, Camera], camera: int) -> BenchmarkSequence:
    path = folder / "annot.mat"

    def of_camera(name: str, width: int) -> NDArray[np.float64]:
        cells = np.asarray(field_of(path, annotations, name), object).reshape(-1)
        return shaped(path, f"{name}[{camera}]", field_of(path, cells, camera), None, width)

    points = of_camera("annot3", 84).reshape(-1, 28, 3) / 1000
    pixels = of_camera("annot2", 56).reshape(-1, 28, 2)
    length = min(len(points), len(pixels))
    if camera not in lenses:
        raise BadDatasetError(folder / "camera.calibration", f"has no camera {camera}")
    return BenchmarkSequence(
        dataset="mpi_inf_3dhp",
        split="train",
        name=f"{folder.parent.name}/{folder.name}/{camera}",
        fps=FPS.get((folder.parent.name, folder.name), 25.0),
        frame_ids=np.arange(length),
        valid=np.ones(length, bool),
        joints_3d=Joints(MPI3D_28, points[:length]),
        joints_2d=Joints(MPI3D_28, _seen(pixels[:length])),
        camera=lenses[camera],
        video=folder / "imageSequence" / f"video_{camera}.avi",
        counted={"frames_of_unequal_length": abs(len(points) - len(pixels))},
    )


def _seen(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([pixels, np.ones_like(pixels[..., :1])], -1)
