"""The worker runs of one plan: started on whatever pool takes them, watched, and started again when they crash.

The parent holds nothing that a crash could lose: what is to be done and by whom is in the ledger.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

WORKER = "harvest-worker"
"""Name of the flow, and of its deployment, that works on a plan's items."""
_ALIVE = (StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED)
RESTARTS_EACH = 3
"""Restarts that a crew has for each worker run asked for; all its runs draw on the same pool."""


class NoWorkerError(RuntimeError):
    """Nobody takes the runs up, or they crash each time."""


def is_deployed(client: SyncPrefectClient) -> bool:
    """Whether this server has the deployment that worker runs are made of."""
    try:
        client.read_deployment_by_name(f"{WORKER}/{WORKER}")
    except ObjectNotFound:
        return False
    return True


def working_on(client: SyncPrefectClient, lake: str) -> int:
    """How many worker runs for this lake are on their way, whoever started them."""
    runs = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[WORKER])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_ALIVE)))),
    )
    return sum(run.parameters.get("lake") == lake for run in runs)


@dataclass
class Crew:
    """Worker runs with the same parameters. `log` is told of starts and crashes."""

    client: SyncPrefectClient
    parameters: Mapping[str, Any]
    log: Callable[[str], None]
    patience_s: float = 900.0
    """How long nobody may take up any run before the crew is given up."""
    poll_s: float = 3.0
    runs: dict[UUID, State[Any] | None] = field(default_factory=dict)
    restarts_left: int = 0

    def start(self, count: int) -> None:
        """Ask for so many runs."""
        self.restarts_left += RESTARTS_EACH * count
        for _ in range(count):
            self._ask()

    @property
    def failed(self) -> list[str]:
        """Messages of the runs that failed: an error of the lake or of the networks, which a restart would not mend."""
        return [str(state.message) for state in self.runs.values() if state is not None and state.is_failed()]

    def _ask(self) -> None:
        run = run_deployment(f"{WORKER}/{WORKER}", parameters=dict(self.parameters), timeout=0, as_subflow=True)
        assert isinstance(run, FlowRun)  # nobody awaits here
        self.runs[run.id] = None
        self.log(f"worker run {run.name} is asked for")

    def wait(self, tell: Callable[[], None] = lambda: None) -> None:
        """Until every run has ended well. One that crashed is started again; `tell` is called at each look.

        NoWorkerError if no run is taken up for `patience_s`, or if they go on crashing; what waits is cancelled then.
        """
        heard = time.monotonic()
        while True:
            self._look()
            tell()
            states = [state for state in self.runs.values() if state is not None]
            if any(state.is_running() for state in states):
                heard = time.monotonic()
            if all(state.is_final() for state in states):
                return
            if time.monotonic() - heard > self.patience_s:
                self.cancel()
                raise NoWorkerError(
                    f"no worker took up a run of {WORKER} for {self.patience_s:.0f} s; start one: "
                    "`hmmr up`, or `prefect worker start --pool cpu` (a --limit must leave room beside this run)"
                )
            time.sleep(self.poll_s)

    def cancel(self) -> None:
        """Cancel what has not begun."""
        for run_id, state in self.runs.items():
            if state is None or state.is_scheduled() or state.is_pending():
                self.client.set_flow_run_state(run_id, Cancelled(message="its plan was given up"))

    def _look(self) -> None:
        for run_id, known in list(self.runs.items()):
            if known is not None and known.is_final():
                continue
            state = self.client.read_flow_run(run_id).state
            self.runs[run_id] = state
            if state is not None and state.is_crashed():
                self._replace(run_id, state)

    def _replace(self, run_id: UUID, state: State[Any]) -> None:
        if self.restarts_left <= 0:
            self.cancel()
            raise NoWorkerError(f"worker runs crash each time; the last one: {state.message}")
        self.restarts_left -= 1
        self.log(f"worker run {run_id} crashed ({state.message}); another one is started")
        self._ask()
