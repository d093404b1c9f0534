from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.common import require_device
from cli.main import app

COMMANDS = {
    "predict": "clip.mp4 --checkpoint model.pt --out out",
    "evaluate": "--protocol open-v1 --checkpoint model.pt --data films:lake",
    "train": "--labelled lake --out out",
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("device", ["cuda:99", "gpu", "meta"])
def test_a_device_that_is_not_there_is_said_in_a_line(
    command: str, device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_text("never read")
    result = CliRunner().invoke(app, [command, *COMMANDS[command].split(), "--device", device])
    assert result.exit_code == 1
    (line,) = result.output.strip().splitlines()
    assert line.startswith(f"error: device {device}: ")
    assert "--device cpu" in line
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_the_cpu_is_always_there() -> None:
    require_device("cpu")
