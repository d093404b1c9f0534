from pathlib import Path

import numpy as np
import pytest

from evaluation.study.table import StudyRowsError, read_csv, table

HEAD = "hours,seed,sequence,error\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_cells_are_sorted_and_paired(tmp_path: Path) -> None:
    rows = "4,1,b,8\n0,0,a,10\n0,0,b,20\n4,1,a,6\n0,1,a,12\n0,1,b,22\n4,0,a,5\n4,0,b,7\n"
    study = read_csv(write(tmp_path / "rows.csv", HEAD + rows))["semi"]
    assert study.hours_H.tolist() == [0.0, 4.0]
    assert study.seed_C == ("0", "1", "0", "1")
    assert study.error_CS.tolist() == [[10, 20], [12, 22], [5, 7], [6, 8]]
    assert study.by_size(study.cell_means).tolist() == [16.0, 6.5]
    assert study.crossed


def test_variants_are_set_apart(tmp_path: Path) -> None:
    text = "variant,hours,seed,sequence,error\nsemi,0,0,a,10\nsemi,1,0,a,9\nceiling,1,0,a,5\n"
    tables = read_csv(write(tmp_path / "rows.csv", text))
    assert tables.keys() == {"semi", "ceiling"}
    assert tables["ceiling"].cell_means.tolist() == [5.0]


def test_a_sequence_that_some_run_lacks_is_left_out_and_named() -> None:
    study = table([(0, "0", "a", 1.0), (0, "0", "b", 2.0), (1, "0", "a", 3.0)])
    assert (study.sequences, study.dropped) == (("a",), ("b",))


def test_seeds_that_differ_between_sizes_are_not_called_paired() -> None:
    assert not table([(0, "0", "a", 1.0), (0, "1", "a", 1.0), (1, "2", "a", 1.0), (1, "3", "a", 1.0)]).crossed
    assert not table([(0, "0", "a", 1.0), (0, "1", "a", 1.0), (1, "0", "a", 1.0)]).crossed


def test_without_largest_keeps_the_others() -> None:
    study = table([(h, "0", s, h + len(s)) for h in (0.0, 1.0, 2.0) for s in ("a", "bb")]).without_largest()
    assert study.hours_H.tolist() == [0.0, 1.0]
    assert np.array_equal(study.error_CS, [[1, 2], [2, 3]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hours,seed,error\n0,0,1\n", "no column sequence"),
        (HEAD, "no rows"),
        (HEAD + "0,0,a,1\n0,0,a,2\n", "hours 0, seed 0, sequence a is there twice"),
        (HEAD + "0,0,a,fast\n", "line 2: hours and error must be numbers"),
        (HEAD + "0,0,a,1\n-1,0,a,1\n", "line 3: hours must be 0 or more"),
        (HEAD + "0,0,a,nan\n", "line 2"),
        (HEAD + "0,0,a,1\n1,0,b,1\n", "no difference can be paired"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(StudyRowsError, match=said):
        read_csv(write(tmp_path / "rows.csv", text))
