"""The people detector on real pedestrians, and its edges."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from body.boxes import suppress
from harvest.backends.embedded import EmbeddedBackend, NanoDet, NanoDetConfig
from harvest.tracking.people import PeopleConfig

pytestmark = pytest.mark.usefixtures("embedded_weights")


def matched(people: list[tuple[float, float, float]], boxes: np.ndarray) -> int:
    """How many people are found, by the match rule of vtest_people.json, boxes in the order of their score."""
    open_people = set(range(len(people)))
    for x0, y0, x1, y1 in boxes[:, :4]:
        near = []
        for i in open_people:
            x, top, bottom = people[i]
            height, off = bottom - top, (abs((x0 + x1) / 2 - x), abs((y0 + y1 - top - bottom) / 2))
            if off[0] < 0.35 * height and off[1] < 0.4 * height and 0.45 < (y1 - y0) / height < 1.7:
                near.append((sum(off), i))
        if near:
            open_people.remove(min(near)[1])
    return len(people) - len(open_people)


def test_finds_the_pedestrians(shared_data: Path, pedestrian_frames: Callable[[set[int]], list[np.ndarray]]) -> None:
    truth = json.loads((shared_data / "vtest_people.json").read_text())["frames"]
    numbers = sorted(map(int, truth))
    boxes = NanoDet().people(pedestrian_frames(set(numbers)))
    hits = [matched(truth[str(number)], found) for number, found in zip(numbers, boxes, strict=True)]
    false = sum(map(len, boxes)) - sum(hits)
    assert sum(map(len, truth.values())) == 31
    assert sum(hits) >= 26
    assert false <= 3


def test_finds_one_person_who_fills_the_frame_in_every_frame(squats: list[np.ndarray]) -> None:
    boxes = NanoDet().people(squats[::4])
    assert [len(found) for found in boxes] == [1] * len(boxes)
    assert min(found[0, 4] for found in boxes) > 0.8


@pytest.mark.parametrize("shape", [(240, 320), (1, 1), (700, 3), (33, 1000)])
def test_nobody_in_an_empty_frame_of_any_shape(shape: tuple[int, int]) -> None:
    assert NanoDet().people([np.full((*shape, 3), 90, np.uint8)])[0].shape == (0, 5)


def test_boxes_follow_the_frame_when_it_is_larger(squats: list[np.ndarray]) -> None:
    half = squats[0][::2, ::2]
    small, large = NanoDet().people([half, squats[0]])
    np.testing.assert_allclose(large[0, :4], 2 * small[0, :4], atol=15)


def test_boxes_end_at_the_frame(squats: list[np.ndarray]) -> None:
    cropped = squats[0][300:900]
    box = NanoDet(NanoDetConfig(threshold=0.2)).people([cropped])[0][0]
    assert box[:2].min() >= 0
    assert (box[2:4] <= (720, 600)).all()
    assert box[3] > 550


def test_two_sizes_find_more_pedestrians_and_nobody_else(
    shared_data: Path, pedestrian_frames: Callable[[set[int]], list[np.ndarray]]
) -> None:
    """30 of 31 with the thresholds at which a detection starts a track, and no box is left over."""
    truth = json.loads((shared_data / "vtest_people.json").read_text())["frames"]
    numbers = sorted(map(int, truth))
    frames, backend, config = pedestrian_frames(set(numbers)), EmbeddedBackend(), PeopleConfig()
    hits, boxes_in_all = 0, 0
    for number, first_P5, second_P5 in zip(numbers, backend.people(frames), backend.people_again(frames), strict=True):
        second_P5 = second_P5[second_P5[:, 4] >= config.second_start_score]
        boxes_P5 = np.concatenate([first_P5[first_P5[:, 4] >= config.start_score], second_P5])
        boxes_P5 = boxes_P5[suppress(boxes_P5[:, :4], boxes_P5[:, 4], config.same_person_iou)]
        hits, boxes_in_all = hits + matched(truth[str(number)], boxes_P5), boxes_in_all + len(boxes_P5)
    assert hits >= 30
    assert boxes_in_all == hits
