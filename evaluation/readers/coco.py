"""COCO person keypoints, and PoseTrack18, which uses the same JSON with tracks. 2D only.

Legend: T frames of one track; pixels.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from body.joints import COCO_17
from evaluation.errors import BadDatasetError
from evaluation.joint_sets import POSETRACK_17
from evaluation.readers.files import named_below, opens, read_json_object
from evaluation.sequence import BenchmarkSequence, Joints, field_of, shaped
from storage.json_text import BadJsonError, number, word


@opens("path")
def read_coco(path: Path, images: Path | None = None) -> Iterator[BenchmarkSequence]:
    """Yields each annotated person of a person_keypoints_*.json as a sequence of one frame.

    Crowds and people without a keypoint are left out; their number is in the `counted` of the first sequence.
    """
    data = _load(path)
    by_id = _by_id(path, data)
    people = [a for a in data["annotations"] if not a.get("iscrowd") and _count(path, a) > 0]
    dropped = {"crowd_or_without_keypoints": len(data["annotations"]) - len(people)}
    for i, person in enumerate(people):
        image = _image(path, by_id, person)
        yield BenchmarkSequence(
            dataset="coco",
            split=path.stem.split("_")[-1],
            name=f"{image['id']}/{field_of(path, person, 'id')}",
            fps=None,
            frame_ids=np.zeros(1, np.int64),
            valid=np.ones(1, bool),
            joints_2d=Joints(COCO_17, _keypoints(path, person)[None]),
            images=(_picture(path, images or path.parent, image),),
            counted=dropped if i == 0 else {},
        )


@opens("path")
def read_posetrack_file(root: Path, path: Path, split: str) -> list[BenchmarkSequence]:
    """The tracks of one video (annotations/SPLIT/*.json), each in the order of its frames.

    A joint counts as seen where its position is not (0, 0): the files' own flag is 0 for many joints that are placed
    (VIBE reads them the same way). Frames follow the files' frame_id.
    """
    data = _load(path)
    by_id = _by_id(path, data)
    tracks: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for person in data["annotations"]:
        if person.get("keypoints"):
            tracks[_whole(path, person, "track_id")].append(person)
    unlabelled = sum(not image.get("is_labeled", True) for image in data["images"])
    return [_track(root, path, split, track, people, by_id, unlabelled) for track, people in sorted(tracks.items())]


def _track(
    root: Path,
    path: Path,
    split: str,
    track: int,
    people: Sequence[dict[str, Any]],
    by_id: dict[str, dict[str, Any]],
    unlabelled: int,
) -> BenchmarkSequence:
    both = [(_image(path, by_id, person), _keypoints(path, person)) for person in people]
    both.sort(key=lambda pair: _whole(path, pair[0], "frame_id"))
    points = np.stack([keypoints for _, keypoints in both])
    points[..., 2] = (points[..., :2] != 0).any(-1)
    return BenchmarkSequence(
        dataset="posetrack18",
        split=split,
        name=f"{path.stem}/{track}",
        fps=None,
        frame_ids=np.array([_whole(path, image, "frame_id") % 10_000 for image, _ in both]),
        valid=np.asarray(points[..., 2].any(1)),
        joints_2d=Joints(POSETRACK_17, points),
        images=tuple(_picture(path, root, image) for image, _ in both),
        counted={"frames_not_labelled": unlabelled},
    )


def _keypoints(path: Path, person: dict[str, Any]) -> NDArray[np.float64]:
    return shaped(path, f"keypoints of annotation {person.get('id')}", person["keypoints"], 51).reshape(17, 3)


def _image(path: Path, by_id: dict[str, dict[str, Any]], person: dict[str, Any]) -> dict[str, Any]:
    image = by_id.get(str(person.get("image_id")))
    if image is None:
        raise BadDatasetError(path, f"annotation {person.get('id')} belongs to no image of the file")
    return image


def _by_id(path: Path, data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {str(field_of(path, image, "id")): image for image in data["images"]}


def _count(path: Path, person: dict[str, Any]) -> int:
    return _whole(path, person, "num_keypoints") if "num_keypoints" in person else 0


def _whole(path: Path, entries: dict[str, Any], name: str) -> int:
    try:
        return int(number(field_of(path, entries, name)))
    except BadJsonError as error:
        raise BadDatasetError(path, f"{name} of entry {entries.get('id')}: {error}") from error


def _picture(path: Path, root: Path, image: dict[str, Any]) -> Path:
    try:
        return named_below(path, root, word(field_of(path, image, "file_name")))
    except BadJsonError as error:
        raise BadDatasetError(path, f"file_name of image {image.get('id')}: {error}") from error


def _load(path: Path) -> dict[str, Any]:
    data = read_json_object(path)
    if not all(_are_objects(data.get(key)) for key in ("images", "annotations")):
        raise BadDatasetError(path, "has no images and annotations: is it a COCO-style file?")
    return data


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
