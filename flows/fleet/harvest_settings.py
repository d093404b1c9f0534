"""A harvest's settings as a flow's parameters: plain values, which Prefect keeps, and no address among them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harvest.config import HarvestConfig
from harvest.fetch.policy import OptOutList

_SETTINGS = TypeAdapter(HarvestConfig)


class SettingsError(ValueError):
    """A flow's parameter cannot be; the message names it."""


def read_settings(given: HarvestConfig | dict[str, Any] | None, opt_out: str | None = None) -> HarvestConfig:
    """The configuration: fields of harvest/config.py as nested mappings; what is left out is the default.

    `opt_out` names the file of addresses that are never fetched. SettingsError names what is wrong.
    """
    try:
        config = _SETTINGS.validate_python(given or {})
    except ValidationError as error:
        where = "; ".join(f"config.{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise SettingsError(where) from None
    if not isinstance(given, HarvestConfig):
        _refuse_unknown(given or {}, _SETTINGS.dump_python(config, mode="json"), "config")
    if config.policy.opt_out.wishes and not isinstance(given, HarvestConfig):
        raise SettingsError("config.policy.opt_out: Prefect would keep those addresses; name their file as `opt_out`")
    if opt_out is None:
        return config
    return replace(config, policy=replace(config.policy, opt_out=OptOutList.load(Path(opt_out))))


def _refuse_unknown(given: dict[str, Any], known: dict[str, Any], where: str) -> None:
    """A misspelt field would be left out without a word, and a licence or a limit with it."""
    for name, value in given.items():
        if name not in known:
            raise SettingsError(f"{where}.{name}: there is no such setting; there are {', '.join(known)}")
        if isinstance(value, dict) and isinstance(known[name], dict):
            _refuse_unknown(value, known[name], f"{where}.{name}")


def as_parameter(given: HarvestConfig | dict[str, Any] | None) -> dict[str, Any]:
    """The settings as the parameter `config` of another run; without the opt-out list, which has its file."""
    config = read_settings(given)
    plain: dict[str, Any] = _SETTINGS.dump_python(
        replace(config, policy=replace(config.policy, opt_out=OptOutList())), mode="json"
    )
    return plain
