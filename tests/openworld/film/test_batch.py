import os
from dataclasses import replace
from pathlib import Path

import decord
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openworld.film import batch as films_module
from openworld.film.batch import make_films
from openworld.film.make import Film, make_film
from openworld.film.truth_file import TruthFileError, read_facts, read_people
from openworld.plan import plan_films
from openworld.worlds import SplitConfig, WorldConfig
from storage.tables import row_views

TINY = WorldConfig((SplitConfig("dev", 3, seconds=(0.2, 0.3)),), seed=8, width=96, height=72)


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_number_of_processes_changes_no_byte(tmp_path: Path) -> None:
    alone = make_films(replace(TINY, processes=1), tmp_path / "one")
    together = make_films(replace(TINY, processes=2), tmp_path / "two")
    assert [film.film_id for film in alone] == [film.film_id for film in together]
    assert _content(tmp_path / "one") == _content(tmp_path / "two")
    assert len(_content(tmp_path / "one")) == 6


def test_films_of_another_seed_are_others(tmp_path: Path) -> None:
    for seed in (8, 9):
        make_films(replace(TINY, processes=1, seed=seed), tmp_path / str(seed))
    one, other = (_content(tmp_path / str(seed)) for seed in (8, 9))
    assert not set(one.values()) & set(other.values())


def test_what_is_there_is_kept_and_what_is_broken_is_made_again(tmp_path: Path) -> None:
    plans = plan_films(replace(TINY, processes=1))
    first = [make_film(plan, tmp_path) for plan in plans]
    before = {film.film_id: film.video.stat().st_mtime_ns for film in first}
    truth = _content(tmp_path)
    first[0].truth.unlink()
    first[1].video.write_bytes(b"cut short")
    again = [make_film(plan, tmp_path) for plan in plans]
    remade = [film.film_id for film in again if film.video.stat().st_mtime_ns != before[film.film_id]]
    assert remade == ["dev_0000", "dev_0001"]
    assert _content(tmp_path) == truth


def test_ctrl_c_leaves_whole_films_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = films_module.make_film

    def stop_at_second(*args: object) -> Film:
        if (tmp_path / "dev" / "dev_0000.truth.parquet").exists():
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(films_module, "make_film", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        make_films(replace(TINY, processes=1), tmp_path)
    assert sorted(_content(tmp_path)) == ["dev_0000.mp4", "dev_0000.truth.parquet"]


def test_the_leftovers_of_a_killed_run_are_swept(tmp_path: Path) -> None:
    leftover = tmp_path / "dev" / ".making-abc"
    leftover.mkdir(parents=True)
    (leftover / "dev_0000.mp4").write_bytes(b"half")
    (tmp_path / "dev" / ".dev_0000.truth.parquet.k3x.tmp").write_bytes(b"half")
    make_films(replace(TINY, processes=1), tmp_path)
    assert not list((tmp_path / "dev").glob(".*"))


def test_progress_is_told_after_each_film(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    make_films(replace(TINY, processes=1), tmp_path, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_cut_is_where_the_film_says(films: dict[str, Film]) -> None:
    film = films["unlabelled_0001"]
    reader = decord.VideoReader(str(film.video))
    pictures = np.stack([frame.asnumpy() for frame in reader]).astype(float)
    change = np.abs(np.diff(pictures, axis=0)).mean((1, 2, 3))
    assert film.facts.cuts == (int(change.argmax()) + 1,)
    assert change.max() > 4 * np.median(change)
    one, other = (row["present"].astype(bool) for row in row_views(read_people(film.truth)))
    assert np.array_equal(one, np.arange(len(one)) < film.facts.cuts[0])
    assert np.array_equal(other, ~one)


def test_people_who_cross_change_sides_and_one_hides_the_other(films: dict[str, Film]) -> None:
    near, far = sorted(
        ({name: row[name].reshape(-1, 25, 3) for name in ("keypoints_2d", "keypoints_3d")}
         for row in row_views(read_people(films["unlabelled_0000"].truth))),
        key=lambda person: float(person["keypoints_3d"][..., 2].mean()),
    )  # fmt: skip
    apart = near["keypoints_2d"][:, :, 0].mean(1) - far["keypoints_2d"][:, :, 0].mean(1)
    assert apart[0] * apart[-1] < 0
    meeting = int(np.abs(apart).argmin())
    hidden = 25 - far["keypoints_2d"][:, :, 2].sum(1)
    assert hidden[meeting] > hidden[[0, -1]].max() + 3


def test_an_empty_film_has_nobody(films: dict[str, Film]) -> None:
    film = films["unlabelled_0002"]
    assert film.facts.n_people == read_people(film.truth).num_rows == 0
    assert film.facts.n_frames == len(decord.VideoReader(str(film.video)))


def test_facts_name_the_film(films: dict[str, Film]) -> None:
    for film in films.values():
        facts = read_facts(film.truth)
        assert facts == film.facts
        assert (facts.film_id, facts.split) == (film.film_id, film.split)
        assert film.seconds == pytest.approx(facts.n_frames / 25)


def test_a_file_that_is_no_truth_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "x.truth.parquet"
    bad.write_bytes(os.urandom(100))
    for read in (read_facts, read_people):
        with pytest.raises(TruthFileError, match=r"x\.truth\.parquet"):
            read(bad)


@pytest.mark.parametrize("facts", [b"[" * 100_000, b"[]", b'{"cuts": 3}', b"\xff"])
def test_facts_of_a_stranger_are_named(tmp_path: Path, facts: bytes) -> None:
    bad = tmp_path / "x.truth.parquet"
    pq.write_table(pa.table({"film_id": ["x"]}).replace_schema_metadata({b"film": facts}), bad)
    with pytest.raises(TruthFileError, match=r"x\.truth\.parquet"):
        read_facts(bad)
