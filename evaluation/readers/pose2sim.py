"""The real-video test: a triangulated reference of one athlete (pose2sim demo) in the camera frame of one view.

A reference, not ground truth: triangulated from BlazePose on four views, median worst-view error 8.6 px.
The calibration is a Qualisys file: intrinsics in 1/64 px, positions in mm, camera axes x right, y up, z backward.

Legend: F frames of the video (60 per second, all of them), K = 25 keypoints, 3 x y z in metres.
"""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body.joints import COCO_17, KEYPOINTS_25, indices
from evaluation.camera import Camera
from evaluation.errors import BadDatasetError
from evaluation.readers.files import opens, read_npz, read_text
from evaluation.sequence import BenchmarkSequence, Joints, field_of, rate_of, shaped
from storage.tables import Labels3D

QUALISYS_PX = 64.0
_TO_IMAGE_AXES = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Pose2SimReference:
    """The reference seen by one camera: index i is frame i of the video in decode order."""

    camera_name: str
    fps: float
    keypoints_3d: NDArray[np.float32]
    """(F, 25, 3) m, camera frame; NaN for the eight keypoints that COCO lacks."""
    keypoints_2d: NDArray[np.float32]
    """(F, 25, 3) px of the calibration's image size, and 1 where there is a joint."""
    image_size: tuple[int, int]
    """Width and height of the calibration. The videos decode 1080 wide where it says 1088 (hazard 24)."""

    def labels(self, frame_index: NDArray[np.int32]) -> Labels3D:
        """Labels for a tracklet whose rows are these decoded frames; frames outside of the reference are invalid."""
        inside = (frame_index >= 0) & (frame_index < len(self.keypoints_3d))
        rows = np.where(inside, frame_index, 0)
        return Labels3D(
            truth_id=f"pose2sim_single_{self.camera_name}",
            split="test",
            body="",
            valid=inside,
            keypoints_3d=self.keypoints_3d[rows],
            keypoints_2d=self.keypoints_2d[rows],
            rotations=None,
            betas=None,
            translation=None,
        )


@opens("reference")
def read_pose2sim(reference: Path, calibration: Path, camera_name: str) -> Pose2SimReference:
    """The reference in the axes of `camera_name` (cam01, cam02). BadDatasetError names the file and what it lacks."""
    camera, size = read_qualisys(calibration, camera_name)
    data = read_npz(reference, ("joints_m", "fps"))
    world_FJ3 = shaped(reference, "joints_m", field_of(reference, data, "joints_m"), None, len(COCO_17), 3)
    fps = rate_of(reference, field_of(reference, data, "fps"))
    points = camera.to_camera(world_FJ3)
    pixels = camera.project(points)
    keypoints_3d = np.full((len(points), len(KEYPOINTS_25), 3), np.nan, np.float32)
    keypoints_2d = np.zeros((len(points), len(KEYPOINTS_25), 3), np.float32)
    slots = indices(COCO_17, KEYPOINTS_25)
    keypoints_3d[:, slots] = points
    keypoints_2d[:, slots] = np.concatenate([pixels, np.isfinite(pixels[..., :1])], -1)
    return Pose2SimReference(camera_name, fps, keypoints_3d, np.nan_to_num(keypoints_2d), size)


@opens("video")
def read_pose2sim_sequences(video: Path) -> BenchmarkSequence:
    """The take as seen in `video` (pose2sim_single_camNN.mp4), reference and calibration beside it."""
    folder, camera_name = video.parent, video.stem.split("_")[-1]
    reference = read_pose2sim(
        folder / "pose2sim_single_reference.npz", folder / "pose2sim_single_calib.qca.txt", camera_name
    )
    length = len(reference.keypoints_3d)
    return BenchmarkSequence(
        dataset="pose2sim",
        split="test",
        name=f"pose2sim_single_{camera_name}",
        fps=reference.fps,
        frame_ids=np.arange(length),
        valid=np.ones(length, bool),
        joints_3d=Joints(KEYPOINTS_25, reference.keypoints_3d.astype(np.float64)),
        joints_2d=Joints(KEYPOINTS_25, reference.keypoints_2d.astype(np.float64)),
        video=video,
    )


@opens("path")
def read_qualisys(path: Path, camera_name: str) -> tuple[Camera, tuple[int, int]]:
    """One camera of a Qualisys calibration file, and its image size (width, height)."""
    try:
        text = read_text(path)
        if "<!ENTITY" in text:
            raise BadDatasetError(path, "not a Qualisys calibration: it declares entities")
        cameras = {str(node.get("serial")): node for node in ElementTree.fromstring(text).iter("camera")}
    except ElementTree.ParseError as error:
        raise BadDatasetError(path, f"not a Qualisys calibration: {error}") from error
    if camera_name not in cameras:
        raise BadDatasetError(path, f"no camera {camera_name}; it has {', '.join(sorted(cameras))}")
    node = cameras[camera_name]
    turn, lens, view = _numbers(node, "transform"), _numbers(node, "intrinsic"), _numbers(node, "fov_video")
    to_world = np.array([[turn[f"r{column}{row}"] for column in "123"] for row in "123"])
    place_m = np.array([turn["x"], turn["y"], turn["z"]]) / 1000
    rotation = _TO_IMAGE_AXES @ to_world.T
    camera = Camera(
        focal=np.array([lens["focalLengthU"], lens["focalLengthV"]]) / QUALISYS_PX,
        centre=np.array([lens["centerPointU"], lens["centerPointV"]]) / QUALISYS_PX,
        radial=np.array([lens[f"radialDistortion{i}"] for i in (1, 2, 3)]),
        tangential=np.array([lens[f"tangentalDistortion{i}"] for i in (1, 2)]),
        rotation=rotation,
        translation=-rotation @ place_m,
    )
    return camera, (int(view["right"] - view["left"]) + 1, int(view["bottom"] - view["top"]) + 1)


def _numbers(node: ElementTree.Element, tag: str) -> dict[str, float]:
    child = node.find(tag)
    return {} if child is None else {key: float(value) for key, value in child.items()}
