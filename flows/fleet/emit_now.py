"""An event that has arrived when the call returns.

Prefect's own `emit_event` hands events to a thread; a run that ends on a busy machine may end before that thread has
reached the server, and its last event, the growth of the lake or an alert, is lost.
"""

from typing import Any

from prefect.events import Event
from prefect.events.clients import get_events_client
from prefect.events.schemas.events import Resource
from prefect.utilities.asyncutils import run_coro_as_sync


def emit_now(name: str, resource: str, payload: dict[str, Any]) -> None:
    """Send one event and wait for the server's answer. Raises what the connection raises, after Prefect's own tries."""
    event = Event(event=name, resource=Resource({"prefect.resource.id": resource}), payload=payload)

    async def send() -> None:
        async with get_events_client(checkpoint_every=1) as client:
            await client.emit(event)

    run_coro_as_sync(send())
