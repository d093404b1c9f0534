import importlib.util
from pathlib import Path

import pytest

from hmmr_model.tensorboard import open_board


def test_without_tensorboard_says_what_to_install_and_with_it_writes_events(tmp_path: Path) -> None:
    if importlib.util.find_spec("tensorboard") is None:
        with pytest.raises(ModuleNotFoundError, match="pip install tensorboard"):
            open_board(tmp_path)
        return
    open_board(tmp_path)(1, {"keypoints_2d": 2.0})
    assert list(tmp_path.glob("events*"))
