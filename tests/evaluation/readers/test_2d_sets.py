"""Penn Action, COCO, PoseTrack18, InstaVariety's tracks: fixtures by scipy and json, in the official field names."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from evaluation.errors import BadDatasetError
from evaluation.readers.coco import read_coco
from evaluation.readers.datasets import DATASETS
from evaluation.readers.instavariety import keypoint_name
from evaluation.readers.penn import read_penn_file


class TestPenn:
    def _write(self, root: Path, **changes: object) -> None:
        (root / "labels").mkdir(exist_ok=True)
        x = np.arange(39.0).reshape(3, 13) + 1
        entries = {
            "action": "squat", "pose": "left", "x": x, "y": x + 100, "visibility": np.ones((3, 13)), "train": -1,
            "bbox": np.ones((3, 4)), "dimensions": [270, 480, 3], "nframes": 3,
        }  # fmt: skip
        savemat(root / "labels" / "0007.mat", entries | changes)

    def test_pixels_split_and_pictures(self, tmp_path: Path) -> None:
        self._write(tmp_path)
        (clip,) = DATASETS["penn_action"].sequences(tmp_path)
        assert (clip.split, clip.name, clip.fps) == ("test", "0007", None)
        assert clip.joints_2d.pick(["right_ankle"])[2, 0].tolist() == [38.0, 138.0, 1.0]
        assert clip.images[2] == tmp_path / "frames" / "0007" / "000003.jpg"

    def test_shorter_labels_than_frames_are_counted_and_unequal_ones_named(self, tmp_path: Path) -> None:
        self._write(tmp_path, nframes=5)
        assert read_penn_file(tmp_path / "labels" / "0007.mat").counted == {"frames_not_labelled": 2}
        self._write(tmp_path, y=np.ones((2, 13)))
        with pytest.raises(BadDatasetError, match=r"0007\.mat: x, y and visibility have 3, 2 and 3"):
            read_penn_file(tmp_path / "labels" / "0007.mat")


def _person(**more: object) -> dict:
    keypoints = [value for joint in range(17) for value in (joint * 10.0, joint * 5.0 + 1, 2)]
    return {"id": 1, "image_id": 9, "category_id": 1, "keypoints": keypoints, "num_keypoints": 17, "iscrowd": 0} | more


class TestCoco:
    def test_people_with_keypoints_one_frame_each(self, tmp_path: Path) -> None:
        people = [_person(), _person(id=2, num_keypoints=0), _person(id=3, iscrowd=1)]
        data = {"images": [{"id": 9, "file_name": "000000000009.jpg"}], "annotations": people, "categories": []}
        path = tmp_path / "person_keypoints_val2017.json"
        path.write_text(json.dumps(data))
        (person,) = read_coco(path)
        assert (person.name, person.split, len(person)) == ("9/1", "val2017", 1)
        assert person.joints_2d.pick(["left_ankle"])[0, 0].tolist() == [150.0, 76.0, 2.0]
        assert person.counted == {"crowd_or_without_keypoints": 2}

    @pytest.mark.parametrize(
        "text", ["{", "[]", '{"images": 3}', "[" * 100_000, "9" * 5000, '{"images": [3], "annotations": []}']
    )
    def test_not_a_coco_file(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(BadDatasetError, match=r"a\.json"):
            next(read_coco(tmp_path / "a.json"))

    def test_orphans_and_odd_lengths_are_named(self, tmp_path: Path) -> None:
        for person, words in (
            (_person(image_id=8), "belongs to no image"),
            (_person(keypoints=[1, 2]), "annotation 1"),
            (_person(num_keypoints="many"), "num_keypoints of entry 1"),
            (_person(image_id=[9]), "belongs to no image"),
        ):
            (tmp_path / "a.json").write_text(
                json.dumps({"images": [{"id": 9, "file_name": "a"}], "annotations": [person]})
            )
            with pytest.raises(BadDatasetError, match=words):
                list(read_coco(tmp_path / "a.json"))


class TestPoseTrack:
    def test_tracks_in_frame_order_with_ears_that_are_never_there(self, tmp_path: Path) -> None:
        folder = tmp_path / "annotations" / "val"
        folder.mkdir(parents=True)
        images = [
            {"id": 10128340000 + f, "frame_id": 10128340000 + f, "vid_id": "012834", "is_labeled": f < 2,
             "nframes": 3, "file_name": f"images/val/012834/{f:06d}.jpg"} for f in range(3)
        ]  # fmt: skip
        blank = [0, 0, 0]
        keypoints = [*range(1, 10), *blank, *blank, *range(16, 52)]
        people = [
            _person(id=i, image_id=10128340000 + f, track_id=t, keypoints=[*keypoints[:2], 0, *keypoints[3:]])
            for i, (f, t) in enumerate([(1, 4), (0, 4), (0, 7)])
        ]
        (folder / "012834.json").write_text(json.dumps({"images": images, "annotations": people}))
        first, second = DATASETS["posetrack18"].sequences(tmp_path)
        assert (first.name, second.name) == ("012834/4", "012834/7")
        assert first.frame_ids.tolist() == [0, 1]
        assert first.counted == {"frames_not_labelled": 1}
        assert first.joints_2d.names[:5] == ("nose", "neck", "head_top", "left_ear", "right_ear")
        assert first.joints_2d.points[0, :5, 2].tolist() == [1, 1, 1, 0, 0]
        assert first.images[1] == tmp_path / "images/val/012834/000001.jpg"


class TestInstaVariety:
    def _detection(self, root: Path, frame: int, shift: float = 0.0, file: str = "") -> None:
        folder = root / "climbinggym" / "123_n" / "7"
        folder.mkdir(parents=True, exist_ok=True)
        entry: dict = {"frame": frame, "imloc": f"frame{frame + 1:06d}.png", "track_id": 7,
                       "bbox": {"xmin": 1.0, "ymin": 2.0, "xmax": 3.0, "ymax": 4.0}}  # fmt: skip
        for i, label in enumerate(("R Knee", "R Big Toe", "Hip", "L Ankle", "Neck")):
            entry[label] = {"x": 10.0 * i + shift, "y": 20.0, "logits": 0.5 + i / 10, "probability": None}
        (folder / (file or f"{frame}.json")).write_text(json.dumps(entry))

    def test_frames_are_indexed_by_their_number_never_by_order(self, tmp_path: Path) -> None:
        for frame in (12, 2, 3):
            self._detection(tmp_path, frame, shift=frame)
        (track,) = DATASETS["instavariety"].sequences(tmp_path)
        assert track.name == "climbinggym/123_n/7"
        assert track.frame_ids.tolist() == [2, 3, 12]
        assert track.joints_2d.pick(["left_ankle"])[:, 0, 0].tolist() == [32.0, 33.0, 42.0]
        assert track.joints_2d.pick(["right_heel"])[0, 0].tolist() == [0, 0, 0]

    def test_two_detections_of_one_frame_are_counted_and_a_torn_file_named(self, tmp_path: Path) -> None:
        self._detection(tmp_path, 2)
        self._detection(tmp_path, 2, 5, "again.json")
        assert next(iter(DATASETS["instavariety"].sequences(tmp_path))).counted == {"second_detection_of_a_frame": 1}
        (tmp_path / "climbinggym" / "123_n" / "7" / "2.json").write_text('{"frame": 2, "R Knee": ')
        with pytest.raises(BadDatasetError, match=r"2\.json"):
            next(iter(DATASETS["instavariety"].sequences(tmp_path)))

    @pytest.mark.parametrize(
        "text", ["[" * 100_000, "[]", '{"frame": 1e999}', '{"frame": 1, "R Knee": {"x": NaN, "y": 1, "logits": 1}}']
    )
    def test_what_no_array_holds_is_named(self, tmp_path: Path, text: str) -> None:
        self._detection(tmp_path, 2)
        (tmp_path / "climbinggym" / "123_n" / "7" / "1.json").write_text(text)
        with pytest.raises(BadDatasetError, match=r"1\.json"):
            next(iter(DATASETS["instavariety"].sequences(tmp_path)))

    def test_names(self) -> None:
        assert [keypoint_name(n) for n in ("R Big Toe", "L Heel", "Hip", "Neck", "R Ear")] == [
            "right_big_toe", "left_heel", "mid_hip", "neck", "right_ear",
        ]  # fmt: skip
