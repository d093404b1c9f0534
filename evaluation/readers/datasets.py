"""The benchmarks by name: what to download, how it must lie on the disk, which of its files are read one by one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from body.motion import MotionFileError, resample
from body.motion import files as motion_files
from evaluation.errors import BadDatasetError
from evaluation.readers.coco import read_coco, read_posetrack_file
from evaluation.readers.files import inside, opens
from evaluation.readers.h36m import CAMERAS, read_h36m_take
from evaluation.readers.hmmr_tfrecord import read_hmmr_records
from evaluation.readers.humandata import read_humandata
from evaluation.readers.instavariety import read_track
from evaluation.readers.mpi3d import VNECT_CAMERAS, read_mpi3d_test_file, read_mpi3d_train_folder
from evaluation.readers.penn import read_penn_file
from evaluation.readers.pose2sim import read_pose2sim_sequences
from evaluation.readers.threedpw import SPLITS, read_3dpw_file
from evaluation.readers.vibe import read_vibe
from evaluation.sequence import BenchmarkSequence, BodyMotion, rate_of

Read = Callable[[Path, Path], Iterable[BenchmarkSequence]]


@dataclass(frozen=True)
class Part:
    """One kind of file of a benchmark."""

    pattern: str
    """Glob below the dataset's folder; each match is read by itself."""
    read: Read
    """(folder of the dataset, matched file) to its sequences."""
    complete: int = 0
    """How many the whole release has; 0 where that is not known."""


@dataclass(frozen=True)
class Dataset:
    """One benchmark."""

    name: str
    words: str
    """What to download and how it must lie below the folder that is named."""
    parts: tuple[Part, ...]
    skip: tuple[str, ...] = field(default=())
    """Names of files that match and are something else."""

    def files(self, root: Path) -> list[tuple[Part, Path]]:
        """Every file to read, in order. BadDatasetError where there is none, or where one is a link out of `root`."""
        matches = [
            (part, inside(root, path))
            for part in self.parts
            for path in sorted(root.glob(part.pattern))
            if self._wanted(path)
        ]
        if not matches:
            raise BadDatasetError(root, f"holds nothing of {self.name}. Expected: {self.words}")
        return matches

    def sequences(self, root: Path) -> Iterable[BenchmarkSequence]:
        """Every sequence of every file. The first broken file ends it; `hmmr data check` lists them all."""
        for part, path in self.files(root):
            yield from part.read(root, path)

    def _wanted(self, path: Path) -> bool:
        return not any(path.match(name) for name in self.skip)


@opens("path")
def read_motion(dataset: str, path: Path, fps: float | None = None) -> BenchmarkSequence:
    """One take; at `fps` where given, else at its own rate. BadDatasetError names a file that cannot be read."""
    try:
        motion = motion_files.read_motion(path)
    except MotionFileError as error:
        raise BadDatasetError(path, str(error).removeprefix(f"{path}: ")) from error
    if fps is not None:
        motion = resample(motion, fps)
    length = len(motion.rotations)
    turns = Rotation.from_matrix(motion.rotations.reshape(-1, 3, 3)).as_rotvec().reshape(length, 24, 3)
    return BenchmarkSequence(
        dataset=dataset,
        split="",
        name=motion.name,
        fps=rate_of(path, motion.fps),
        frame_ids=np.arange(length),
        valid=np.isfinite(turns).all((1, 2)),
        body=BodyMotion("smpl_neutral", turns, np.zeros(10), motion.translation.astype(np.float64)),
    )


def _threedpw(split: str) -> Part:
    return Part(f"sequenceFiles/{split}/*.pkl", lambda root, path: read_3dpw_file(path, split), SPLITS[split])


def _h36m(subject: str) -> Part:
    pattern = f"{subject}/MyPoseFeatures/D3_Positions/*.cdf*"
    return Part(pattern, lambda root, path: read_h36m_take(root, path, CAMERAS), 30)


def _motions(name: str, words: str, *patterns: str, skip: Sequence[str] = ()) -> Dataset:
    parts = tuple(Part(pattern, lambda root, path: [read_motion(name, path)]) for pattern in patterns)
    return Dataset(name, words, parts, tuple(skip))


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "3dpw",
            "sequenceFiles/{train,validation,test}/*.pkl and imageFiles/SEQUENCE/image_00000.jpg",
            tuple(_threedpw(split) for split in SPLITS),
        ),
        Dataset(
            "h36m",
            "S1/MyPoseFeatures/D3_Positions/*.cdf, S1/Videos/*.mp4 (S1, S5 to S9, S11), and metadata.xml",
            tuple(_h36m(subject) for subject in ("S1", "S5", "S6", "S7", "S8", "S9", "S11")),
            skip=("_ALL*",),
        ),
        Dataset(
            "mpi_inf_3dhp",
            "TS1 ... TS6/annot_data.mat with imageSequence/, and S1 ... S8/Seq1, Seq2/annot.mat with "
            "camera.calibration and imageSequence/video_0.avi",
            (
                Part("TS[1-6]/annot_data.mat", lambda root, path: [read_mpi3d_test_file(path)], 6),
                Part("S[1-8]/Seq[12]/annot.mat", lambda r, p: read_mpi3d_train_folder(p.parent, VNECT_CAMERAS), 16),
            ),
        ),
        Dataset(
            "penn_action",
            "labels/0001.mat ... 2326.mat and frames/0001/000001.jpg",
            (Part("labels/*.mat", lambda root, path: [read_penn_file(path)], 2326),),
        ),
        Dataset(
            "posetrack18",
            "annotations/{train,val}/*.json and images/{train,val}/VIDEO/*.jpg",
            (Part("annotations/*/*.json", lambda root, path: read_posetrack_file(root, path, path.parent.name)),),
        ),
        Dataset(
            "coco",
            "annotations/person_keypoints_{train,val}2017.json and train2017/, val2017/",
            (
                Part(
                    "annotations/person_keypoints_*.json",
                    lambda root, path: read_coco(path, root / path.stem.split("_")[-1]),
                ),
            ),
        ),
        Dataset(
            "instavariety",
            "TAG/VIDEO/TRACK/*.json of InstaVariety_tracks",
            (Part("*/*/*/", lambda root, path: [read_track(root, path)]),),
        ),
        Dataset(
            "hmmr_tfrecord",
            "SPLIT/*.tfrecord, as HMMR released them",
            (
                Part(
                    "**/*.tfrecord", lambda root, path: (r.sequence for r in read_hmmr_records(path, path.parent.name))
                ),
            ),
        ),
        Dataset(
            "vibe",
            "VIBE's *_db.pt and *_db.h5",
            (
                Part("*.h5", lambda root, path: read_vibe(path, path.stem)),
                Part("*.pt", lambda root, path: read_vibe(path, path.stem)),
            ),
        ),
        Dataset(
            "humandata", "mmhuman3d's *.npz", (Part("*.npz", lambda root, path: [read_humandata(path, path.stem)]),)
        ),
        _motions("amass", "SUBSET/SUBJECT/*.npz, SMPL-H or SMPL-X", "**/*.npz", skip=("shape.npz", "*_stagei.npz")),
        _motions("cmu", "*.amc with their .asf beside them, or *.bvh", "**/*.amc", "**/*.bvh"),
        _motions("deepmimic", "DeepMimic's motions/*.txt", "**/*.txt"),
        Dataset(
            "pose2sim",
            "pose2sim_single_cam01.mp4, pose2sim_single_reference.npz and pose2sim_single_calib.qca.txt",
            (Part("pose2sim_single_cam*.mp4", lambda root, path: [read_pose2sim_sequences(path)]),),
        ),
    )
}


def dataset_named(name: str) -> Dataset:
    """The benchmark of that name; BadDatasetError lists the known ones."""
    if name not in DATASETS:
        raise BadDatasetError(Path(name), f"is no known dataset; known are {', '.join(DATASETS)}")
    return DATASETS[name]
