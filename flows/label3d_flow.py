"""A label round as a Prefect flow."""

from dataclasses import asdict
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.fleet.ranks import found_device
from flows.fleet.told import ProgressBar, markdown_table, run_logger
from flows.label_round import RoundReport, label_round
from hmmr_model.rounds import RoundConfig


@task(name="label-tracklets", cache_policy=NO_CACHE)
def label_task(lake: str, teachers: list[str], snapshot: str | None, refined: bool, device: str) -> RoundReport:
    """Label what the round has not labelled yet; a run that was stopped is taken up by the next."""
    bar = ProgressBar("tracklets of the label round")
    return label_round(
        lake, teachers, snapshot=snapshot, config=RoundConfig(refined=refined), device=device, progress=bar.show
    )


@flow(name="label3d", log_prints=True)
def label3d_flow(
    lake: str = "lake", teachers: list[str] | None = None, snapshot: str | None = None, refined: bool = True,
    device: str = "auto",
) -> dict[str, Any]:  # fmt: skip
    """One round of 3D pseudo-labels for the lake (a folder or an s3:// URL) by trained models: paths, or released.

    `snapshot` is the digest of a frozen selection; without it one is frozen now.
    """
    report = label_task(lake, list(teachers or ["released"]), snapshot, refined, found_device(device))
    run_logger().info("round %s: %d tracklets labelled", report.round_id[:12], report.labelled)
    told = asdict(report)
    create_markdown_artifact(markdown_table(("what", "value"), told), key="label-round", description="a label round")
    return told
