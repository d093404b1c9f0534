"""Pools, deployments and automations on the server that PREFECT_API_URL names: `python -m flows.fleet.server_setup`.

Safe to run again: what is there is brought up to date.
"""

import os
import subprocess
import sys
from pathlib import Path

import yaml
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from prefect.workers.process import ProcessWorker

from flows.fleet.alerts import set_up_alerts
from flows.fleet.automations import crash_silent_runs, ensure
from flows.fleet.machine import ALERT_VARIABLE, POOLS
from storage.layout import LAKE_VARIABLE

DEPLOYMENTS = Path(__file__).resolve().parents[1] / "prefect.yaml"


def main() -> int:
    """Set the server up; what `prefect deploy` returns."""
    template = ProcessWorker.get_default_base_job_template()
    with get_client(sync_client=True) as client:
        for pool in POOLS:
            try:
                client.create_work_pool(WorkPoolCreate(name=pool, type="process", base_job_template=template))
            except ObjectAlreadyExists:
                continue
        ensure(client, [crash_silent_runs()])
        set_up_alerts(client, os.environ.get(ALERT_VARIABLE))
    command = ["--no-prompt", "deploy", "--all", "--prefect-file", str(DEPLOYMENTS)]
    code = subprocess.run([sys.executable, "-m", "prefect", *command], check=False).returncode
    lake = os.environ.get(LAKE_VARIABLE)
    if code == 0 and lake:
        with get_client(sync_client=True) as client:
            use_lake(client, lake)
    return code


def use_lake(client: SyncPrefectClient, lake: str) -> None:
    """Let our deployments work on this lake, a folder or s3:// URL."""
    ours = {row["name"] for row in yaml.safe_load(DEPLOYMENTS.read_text())["deployments"]}
    for deployment in client.read_deployments():
        if deployment.name in ours and "lake" in deployment.parameters:
            changed = DeploymentUpdate(parameters=deployment.parameters | {"lake": lake})
            client.update_deployment(deployment.id, changed)


if __name__ == "__main__":
    sys.exit(main())
