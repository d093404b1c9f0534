"""The notebook and the scripts of examples/, run as a user runs them, on the films that the notebook makes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
LIMIT_S = 600


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nbformat.NotebookNode]:
    """The folder in which the notebook ran, and the notebook with what its cells gave."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(EXAMPLES / "from_python.ipynb", 4)
    with pytest.MonkeyPatch.context() as env:
        env.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        env.setenv("PYTHONPATH", str(ROOT))
        env.setenv("IPYTHONDIR", str(folder / ".ipython"))
        NotebookClient(notebook, timeout=LIMIT_S, resources={"metadata": {"path": str(folder)}}).execute()
    return folder, notebook


def _texts(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """What each code cell printed on stdout, or its value as text; progress goes to stderr."""
    texts = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            streams = [out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stdout"]
            values = [out.data.get("text/plain", "") for out in cell.outputs if "data" in out]
            texts[cell.id] = "".join([*streams, *values])
    return texts


def test_the_notebook_gives_what_it_shows(executed: tuple[Path, nbformat.NotebookNode]) -> None:
    """Counts and shapes are as printed; measured values may differ in their last digits between processors."""
    shown, got = _texts(nbformat.read(EXAMPLES / "from_python.ipynb", 4)), _texts(executed[1])
    assert shown.keys() == got.keys()
    same = [name for name in shown if shown[name] == got[name]]
    assert len(same) >= len(shown) - 3, {name: (shown[name], got[name]) for name in shown if name not in same}
    assert any("image/png" in out.get("data", {}) for cell in executed[1].cells for out in cell.get("outputs", []))


def _run_script(folder: Path, *words: str) -> str:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(EXAMPLES / words[0]), *words[1:]]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_lake_is_read_and_a_filter_tried(executed: tuple[Path, nbformat.NotebookNode]) -> None:
    said = _run_script(executed[0], "read_a_lake.py", "mylake")
    assert "keypoints (" in said
    assert "vouched" in said
    tried = _run_script(executed[0], "try_a_filter.py", "mylake", "0")
    count = sum(line.split()[1] == "dropped" for line in tried.splitlines()[:-1])
    assert count > 0
    assert tried.endswith(f"{count} of {count} would be dropped\n")


def test_clips_to_a_model_of_ones_own(executed: tuple[Path, nbformat.NotebookNode]) -> None:
    folder = executed[0]
    shutil.copytree(folder / "films" / "unlabelled", folder / "clips")
    said = _run_script(folder, "harvest_train_predict.py", "clips", "labelled", "out", "2")
    assert "1 of 1 videos done" in said
    assert (folder / "out" / "mine" / "motion_0.glb").stat().st_size > 1000
    assert (folder / "out" / "run" / "model.pt").exists()
