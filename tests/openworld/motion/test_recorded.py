"""Real mocap through the film maker, on CMU's take 01_01 and on an AMASS file that the test writes itself."""

from pathlib import Path

import numpy as np
import pytest

from body.motion import MotionFileError
from openworld.film.make import make_film
from openworld.film.truth_file import read_people
from openworld.motion.recorded import installed_motions, motion_files, recorded, windows
from openworld.plan import plan_films
from openworld.scene.actor import cast
from openworld.scene.figure import Figure
from openworld.seeds import generator
from openworld.worlds import MocapConfig, WorldConfig

JUMP_S, FPS = 2.0, 50


@pytest.fixture
def jump(tmp_path: Path) -> Path:
    """An AMASS file (z up) of somebody in rest pose who goes 1 m to the side and 0.4 m up and down."""
    time = np.arange(int(JUMP_S * FPS)) / FPS
    place = np.stack([time / JUMP_S, np.zeros_like(time), 1 + 0.4 * np.sin(np.pi * time / JUMP_S)], 1)
    np.savez(tmp_path / "jump.npz", poses=np.zeros((len(time), 156)), trans=place, mocap_framerate=FPS,
             betas=np.zeros(16))  # fmt: skip
    return tmp_path / "jump.npz"


def test_a_take_is_cut_into_equal_pieces_that_fit(jump: Path) -> None:
    total = sum(length for _, length in windows(jump, 25, (20, 100)))
    assert 48 <= total <= 50
    assert windows(jump, 25, (20, 30)) == [(0, 25), (25, 25)]
    assert windows(jump, 25, (80, 100)) == []


def test_a_recorded_jump_leaves_the_floor(jump: Path, figure: Figure) -> None:
    performance = recorded(str(jump), 25, 0, 49)
    assert not performance.grounded
    assert np.ptp(performance.path[:, [0, 2]], axis=0).max() == pytest.approx(1, abs=0.05)
    actor = cast(generator(0), figure, performance)
    lowest = np.array([actor.vertices(figure, frame)[:, 1].min() for frame in (0, 24, 48)])
    assert lowest == pytest.approx(0.4 * np.sin(np.pi * np.array([0, 24, 48]) / 25 / JUMP_S), abs=0.01)


def test_films_of_a_take_have_its_name_and_say_that_it_is_mocap(jump: Path, tmp_path: Path) -> None:
    config = WorldConfig(mocap=MocapConfig((str(jump),), views=2, seconds=(0.4, 0.5)), width=96, height=72)
    plans = plan_films(config)
    assert [plan.film_id for plan in plans][:3] == ["mocap_jump_000_0", "mocap_jump_000_1", "mocap_jump_001_0"]
    film = make_film(plans[1], tmp_path)
    row = read_people(film.truth).to_pylist()[0]
    assert (row["split"], row["motion"]) == ("mocap", "mocap:jump")
    assert film.facts.n_frames == plans[1].frames[0]


def test_the_digest_follows_the_takes_content_not_its_place(jump: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "jump.npz"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(jump.read_bytes())
    here, there = (plan_films(WorldConfig(mocap=MocapConfig((str(path),))))[0] for path in (jump, elsewhere))
    assert here.digest == there.digest
    elsewhere.write_bytes(jump.read_bytes() + b"\0")
    assert plan_films(WorldConfig(mocap=MocapConfig((str(elsewhere),))))[0].digest != here.digest


def test_amc_and_bvh_of_one_take_give_the_same_person(shared_data: Path, figure: Figure) -> None:
    shape = np.zeros(10, np.float32)
    amc, bvh = (
        figure.keypoints(recorded(str(shared_data / "mocap" / name), 25, 30, 20).rotations, shape)
        for name in ("cmu_01_01.amc", "cmu_01_01.bvh")
    )
    centred = [points - points.mean((0, 1)) for points in (amc, bvh)]
    assert np.linalg.norm(centred[0] - centred[1], axis=-1).mean() < 0.06


def test_what_is_no_motion_is_named(tmp_path: Path) -> None:
    with pytest.raises(MotionFileError, match="nowhere"):
        motion_files([tmp_path / "nowhere"])
    (tmp_path / "alone.amc").write_text("")
    with pytest.raises(MotionFileError, match=r"alone\.amc.*asf"):
        windows(tmp_path / "alone.amc", 25, (20, 100))


def test_the_packages_clips_are_found() -> None:
    pytest.importorskip("pybullet_data")
    names = [path.stem for path in installed_motions()]
    assert sum(name.startswith("humanoid3d_") for name in names) == 15
