from collections.abc import Callable

import pytest
import torch

from hmmr_model.configs import DataConfig
from hmmr_model.data import TrainingSet
from hmmr_model.loader import Loader
from hmmr_model.tracks import Track


def _data(make_tracks: Callable[..., list[Track]]) -> TrainingSet:
    return TrainingSet(make_tracks([30] * 3), [], DataConfig(batch=4), 0)


def test_gives_the_batch_of_each_step_in_order(make_tracks: Callable[..., list[Track]]) -> None:
    data = _data(make_tracks)
    for (step, batch), expected in zip(Loader(data, range(3, 12), 0, 1), range(3, 12), strict=True):
        assert step == expected
        assert torch.equal(batch.phi_BTD, data.batch(expected).phi_BTD)


def test_leaving_early_stops_the_thread(make_tracks: Callable[..., list[Track]]) -> None:
    import threading

    before = threading.active_count()
    for step, _ in Loader(_data(make_tracks), range(1000), 0, 1):
        if step == 2:
            break
    assert threading.active_count() == before


def test_an_error_in_the_thread_comes_out_in_the_loop(make_tracks: Callable[..., list[Track]]) -> None:
    data = _data(make_tracks)
    data.pseudo.offsets = data.pseudo.offsets + 10**9
    with pytest.raises(IndexError):
        list(Loader(data, range(3), 0, 1))
