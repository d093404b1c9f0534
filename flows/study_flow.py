"""The data-scale study as a Prefect flow."""

from pathlib import Path

from prefect import flow, task

from flows.study.run import run_study

study_task = task(name="run-grid")(run_study)


@flow(name="data-scale-study", log_prints=True)
def study_flow(
    study: str = "open-quick",
    lake: str = "lake",
    labelled: str = "labelled",
    held_out: str = "held_out",
    out: str = "studies",
    workers: int = 2,
) -> str:
    """Every cell of the grid that has no row yet, then the fit and the page; returns the page's path."""
    return str(study_task(study, Path(lake), Path(labelled), Path(held_out), Path(out), workers))
