"""A walking person of a film, through `hmmr predict` with the released model, in the files as others read them."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from flows.predict import predict_video
from hmmr_model.checkpoint import RELEASED, load_checkpoint
from hmmr_model.objective import HIPS
from hmmr_model.predict import inner_windows
from openworld.film.make import make_film, stage_film
from openworld.plan import plan_films
from openworld.scene.figure import open_figure
from openworld.worlds import SplitConfig, WorldConfig

WORLD = WorldConfig(splits=(SplitConfig("walks", 5, family="narrow", camera="lab", seconds=(1.8, 2.6)),))
WALK = 4
"""The second film of this world in which somebody walks; the camera stands."""


def _bvh_root(path: Path) -> np.ndarray:
    bvhio = pytest.importorskip("bvhio", reason="a second reader of BVH: pip install bvhio")
    root = bvhio.readAsHierarchy(str(path))
    places = []
    for frame in range(len(root.Keyframes)):
        root.loadPose(frame)
        places.append(np.array(root.PositionWorld) / 100)
    return np.stack(places)


def _glb_root(path: Path) -> np.ndarray:
    """Key frames of the one animated translation, by the glTF 2.0 specification (4.4, 5.1 to 5.4)."""
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    document, binary = json.loads(data[20 : 20 + length]), data[28 + length :]
    (animation,) = [one for one in document["animations"] if any(_moves(c) for c in one["channels"])][:1]
    (channel,) = filter(_moves, animation["channels"])
    accessor = document["accessors"][animation["samplers"][channel["sampler"]]["output"]]
    view = document["bufferViews"][accessor["bufferView"]]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    return np.frombuffer(binary, "<f4", 3 * accessor["count"], start).reshape(-1, 3)


def _moves(channel: dict[str, dict[str, str]]) -> bool:
    return channel["target"]["path"] == "translation"


def test_a_walking_person_goes_as_far_as_in_truth(tmp_path: Path) -> None:
    plan, figure = plan_films(WORLD)[WALK], open_figure()
    (shot,) = stage_film(plan, figure)
    assert shot.actors[0].motion.startswith("walk")
    hips_T3 = shot.actors[0].keypoints(figure)[:, list(HIPS)].mean(axis=1)
    film = make_film(plan, tmp_path)
    (person,) = predict_video(
        film.video, load_checkpoint(RELEASED), tmp_path / "out", device="cpu", phi="blazepose_turned+turn",
        windows=inner_windows, refined=True, render=False, note=print, focal=shot.camera.focal,
    )  # fmt: skip
    shown = np.isin(np.arange(len(hips_T3)), person.frame_index)
    way = np.flatnonzero(shown)[[0, -1]]
    truth = float(np.linalg.norm(hips_T3[way[1]] - hips_T3[way[0]]))
    assert truth > 1.5
    out = tmp_path / "out"
    for places in (_bvh_root(out / "motion_0.bvh"), _glb_root(out / "motion_0.glb")):
        assert len(places) == len(person.frame_index)
        assert float(np.linalg.norm(places[-1] - places[0])) == pytest.approx(truth, rel=0.1)
