"""Files are whole or absent."""

import os
from pathlib import Path

import pytest

from storage.atomic import write_atomically, write_json_atomically


def test_new_folders_and_modes(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "a" / "b.txt", "φ")
    assert path.read_text(encoding="utf-8") == "φ"
    plain = tmp_path / "plain"
    plain.write_text("x")
    assert os.stat(path).st_mode == os.stat(plain).st_mode


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_json_atomically(tmp_path / "x.json", {"b": 1, "a": [2]})
    before = path.read_bytes()

    def refuse(_source: object, _target: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no"):
        write_json_atomically(path, {"a": 3})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["x.json"]


def test_json_is_stable_and_refuses_nan(tmp_path: Path) -> None:
    one = write_json_atomically(tmp_path / "1", {"b": 1, "a": 2}).read_bytes()
    two = write_json_atomically(tmp_path / "2", {"a": 2, "b": 1}).read_bytes()
    assert one == two
    with pytest.raises(ValueError, match="JSON"):
        write_json_atomically(tmp_path / "3", {"a": float("nan")})
    assert sorted(os.listdir(tmp_path)) == ["1", "2"]
