"""The data-scale study as a Prefect flow."""

from base64 import b64encode
from functools import partial
from pathlib import Path

import pyarrow.compute as pc
from prefect import flow
from prefect.artifacts import create_image_artifact, create_link_artifact, create_table_artifact

from dashboard.panels.answer import curve_picture
from dashboard.view import read_view
from flows.study.run import run_study
from flows.study.task_cells import TaskCells
from storage.lake import Lake
from storage.layout import local_folder


@flow(name="data-scale-study", log_prints=True)
def study_flow(
    study: str = "open-quick", lake: str = "lake", labelled: str = "labelled", held_out: str = "held_out",
    out: str = "studies", workers: int = 2, tasks: bool = True,
) -> str:  # fmt: skip
    """Every cell of the grid that has no row yet, then the fit and the page; returns the page's path.

    Lakes are folders or s3:// URLs. With `tasks` each training is a task run, by Prefect's task runner with `workers`
    processes; without, the cells run as `hmmr study run` runs them. The scores are shown as a table, the curve as a
    picture, and the page as a link.
    """
    engine = partial(TaskCells, workers) if tasks else workers
    page = run_study(study, lake, labelled, held_out, local_folder(out), engine)
    show_study(lake, study, page)
    return str(page)


def show_study(lake: str, study: str, page: Path) -> None:
    """Scores of the study's series as a table on Prefect's page, the curve as a picture, and a link to our page."""
    name = Path(study).stem
    keys = ["study", "variant", "phi_name", "hours", "dataset", "split", "metric"]
    means = (pc.field("sequence") == "*macro") & pc.starts_with(pc.field("study"), name)
    rows = Lake(lake).read("scores", [*keys, "value"], means).group_by(keys).aggregate([("value", "mean")])
    create_table_artifact(rows.to_pylist(), key="study-scores", description="means over sequences and seeds")
    if (picture := curve_picture(read_view(Lake(lake)))) is not None:
        source = f"data:image/svg+xml;base64,{b64encode(picture.encode()).decode()}"
        create_image_artifact(source, key="study-curve", description="error against added film")
    create_link_artifact(page.absolute().as_uri(), link_text=f"page of study {name}, with its curve", key="study-page")
