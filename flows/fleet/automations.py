"""Prefect automations of ours, made where they are missing and renewed where they differ."""

from collections.abc import Sequence
from datetime import timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

HEARTBEAT_S = 30
"""Prefect's shortest; flows/prefect.yaml sets it for each run."""
SILENT_S = 3 * HEARTBEAT_S

_HEARTBEAT = "prefect.flow-run.heartbeat"
_ENDS = {
    f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed", "Paused", "Suspended")
}


def crash_silent_runs() -> AutomationCore:
    """A run whose heart has not beaten for 90 s is dead (its machine went away): it is called crashed, its place is
    free, and the harvest that waits for it starts another."""
    return AutomationCore(
        name="crash-silent-runs",
        description="A flow run whose process is gone is called crashed.",
        trigger=EventTrigger(
            after={_HEARTBEAT},
            expect={_HEARTBEAT, *_ENDS},
            match={"prefect.resource.id": "prefect.flow-run.*"},  # type: ignore[arg-type]
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=SILENT_S),
        ),
        actions=[
            ChangeFlowRunState(
                name=None, state=StateType.CRASHED, message=f"its heart has not beaten for {SILENT_S} s", force=False
            )
        ],
    )


def ensure(client: SyncPrefectClient, wanted: Sequence[AutomationCore]) -> None:
    """Make each automation, or bring the one of its name up to date."""
    for automation in wanted:
        known = client.read_automations_by_name(automation.name)
        if not known:
            client.create_automation(automation)
            continue
        fields = set(AutomationCore.model_fields)
        if known[0].model_dump(include=fields, mode="json") != automation.model_dump(include=fields, mode="json"):
            client.update_automation(known[0].id, automation)
