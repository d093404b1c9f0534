"""Prefect plugin: a deployment name without a slash means NAME/NAME.

`prefect deployment run train-hmmr` is what people type; Prefect wants `train-hmmr/train-hmmr`. The plugin is
switched on by prefect.toml in the project's folder. The hook is Prefect's own; the method it wraps is not a
promised interface, so it fails soft: on any surprise the form with the slash goes on working.
"""

import functools
from typing import Any

from prefect.plugins import HookContext, SetupResult, register_hook


def full_name(name: str) -> str:
    """`train-hmmr` becomes `train-hmmr/train-hmmr`; a name with a slash stays as it is."""
    return name if "/" in name else f"{name}/{name}"


def _wrap(method: Any) -> Any:
    @functools.wraps(method)
    def read(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return method(self, full_name(name), *args, **kwargs)

    read.__dict__["accepts_short_names"] = True
    return read


@register_hook
def setup_environment(*, ctx: HookContext) -> SetupResult | None:
    """Teach both of Prefect's clients the short form; log and leave them alone if they have changed."""
    try:
        from prefect.client.orchestration import PrefectClient, SyncPrefectClient

        for client in (PrefectClient, SyncPrefectClient):
            method = client.read_deployment_by_name
            if not getattr(method, "accepts_short_names", False):
                setattr(client, "read_deployment_by_name", _wrap(method))  # noqa: B010 - mypy forbids the plain form
    except (ImportError, AttributeError) as error:
        ctx.logger_factory("hmmr.short_names").warning(
            "short deployment names are off (%s); type train-hmmr/train-hmmr", error
        )
        return None
    return SetupResult(env={}, note="deployment names without a slash mean NAME/NAME")
