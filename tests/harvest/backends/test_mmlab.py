"""mmdet and mmpose for real, in the environment of scripts/install_mmlab where it is, or where its wheel is cached."""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from body.boxes import suppress

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CACHE = Path.home() / ".cache" / "hmmr"


def _python() -> Path | None:
    """The environment's interpreter. Made anew (a minute or two) only where mmcv need not be compiled."""
    place = Path(os.environ.get("HMMR_MMLAB", CACHE / "mmlab"))
    if not (place / ".complete").is_file():
        if not list((CACHE / "wheelhouse").glob("*/mmcv-*.whl")):
            return None
        subprocess.run([ROOT / "scripts" / "install_mmlab", place], check=True, capture_output=True, text=True)
    return place / "bin" / "python"


@pytest.mark.slow
def test_equals_mmdets_and_mmposes_own_functions() -> None:
    python = _python()
    if python is None:
        pytest.skip("no environment of scripts/install_mmlab, and no compiled mmcv in the wheelhouse to make one from")
    inside = [HERE / "mmlab_inside.py", HERE / "rtm_inside.py", HERE / "mmlab_harvest_inside.py"]
    command = [
        python,
        "-m",
        "pytest",
        "--import-mode=importlib",
        "-p",
        "no:cacheprovider",
        "--noconftest",
        *inside,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert re.search(r"\b10 passed", done.stdout), done.stdout[-3000:]


def test_without_it_the_way_out_is_named() -> None:
    from harvest.backends.mmlab import MmlabBackend, MmlabConfig

    with pytest.raises(ImportError, match="scripts/install_mmlab"):
        MmlabBackend(MmlabConfig("a.py", detector_config="b.py"))


def test_the_stand_in_for_mmcvs_operators_suppresses_as_ours_does() -> None:
    """scripts/mmcv_ext.py against body.boxes.suppress, which is another implementation of the same rule."""
    spec = importlib.util.spec_from_file_location("mmcv_ext", ROOT / "scripts" / "mmcv_ext.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rng = np.random.default_rng(0)
    for count in (0, 1, 60):
        corners_N2 = rng.uniform(0, 60, (count, 2))
        boxes_N4 = np.concatenate([corners_N2, corners_N2 + rng.uniform(5, 50, (count, 2))], 1)
        scores_N = rng.permutation(count) / 100
        for overlap in (0.1, 0.5, 0.9):
            kept = module.nms(torch.from_numpy(boxes_N4), torch.from_numpy(scores_N), iou_threshold=overlap)
            assert kept.tolist() == list(suppress(boxes_N4, scores_N, overlap))
    with pytest.raises(NotImplementedError, match="roi_align"):
        module.roi_align_forward(1, 2)
