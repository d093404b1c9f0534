"""YAML files that name a backend's models."""

from pathlib import Path

import pytest

from harvest.backends.mmlab import MmlabConfig
from harvest.backends.model_file import read_model_file
from harvest.backends.rtm import RtmConfig

GOOD = "detector_config: a.py\npose_config: b.py\ndetector_checkpoint: d.pth\nthreshold: 0.5\n"


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "mm.yaml").write_text(GOOD)
    (tmp_path / "d.pth").write_bytes(b"")
    (tmp_path / "b.py").write_text("")
    read = read_model_file(MmlabConfig, tmp_path / "mm.yaml", device="cuda")
    expected = MmlabConfig(str(tmp_path / "b.py"), "a.py", tmp_path / "d.pth", device="cuda", threshold=0.5)
    assert read == expected


def test_lists_become_tuples_and_urls_stay(tmp_path: Path) -> None:
    (tmp_path / "p.onnx").write_bytes(b"")
    (tmp_path / "r.yaml").write_text("detector: https://example.org/d.zip\npose: p.onnx\npose_size: [288, 384]\n")
    read = read_model_file(RtmConfig, tmp_path / "r.yaml")
    assert read == RtmConfig("https://example.org/d.zip", str(tmp_path / "p.onnx"), pose_size=(288, 384))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "is not a mapping"),
        ("a: [", "cannot be read as YAML"),
        (GOOD + "colour: red\n", "unknown setting 'colour'"),
        ("detector_config: a.py\n", "setting 'pose_config' is missing"),
        (GOOD, r"detector_checkpoint: no such file: .*d\.pth"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mm.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"mm\.yaml.*{said}"):
        read_model_file(MmlabConfig, tmp_path / "mm.yaml")
