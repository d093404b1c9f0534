"""Which items a plan has, in their order: a file of ids in the lake, so that Prefect carries a name and no list."""

import json
import secrets
from collections.abc import Sequence

from storage.json_text import BadJsonError, read_json
from storage.lake import Lake

_OLD_S = 14 * 86_400.0


class NoPlanError(RuntimeError):
    """There is no such plan in the lake: its parent has ended, or the lake is another one."""


def write_plan(lake: Lake, item_ids: Sequence[str]) -> str:
    """Keep the plan; returns its name."""
    name = secrets.token_hex(8)
    lake.disk.make_folder(f"{lake.root}/fleet/plans")
    lake.disk.write(_file(lake, name), json.dumps(list(item_ids)).encode())
    return name


def read_plan(lake: Lake, name: str) -> list[str]:
    """The plan's item ids. NoPlanError if it is not there or no list of ids."""
    try:
        content = read_json(lake.disk.read(_file(lake, name)))
    except (FileNotFoundError, BadJsonError) as error:
        raise NoPlanError(f"lake {lake.root} has no plan {name}: {error}") from error
    if not isinstance(content, list):
        raise NoPlanError(f"plan {name} of lake {lake.root} is no list of item ids")
    return [str(item_id) for item_id in content]


def drop_plan(lake: Lake, name: str) -> None:
    """Forget a plan that is done."""
    lake.disk.delete(_file(lake, name))


def drop_old_plans(lake: Lake) -> int:
    """Forget plans whose run must have ended long ago; returns how many."""
    old = [path for path, age_s in lake.disk.ages(f"{lake.root}/fleet/plans").items() if age_s > _OLD_S]
    for path in old:
        lake.disk.delete(path)
    return len(old)


def _file(lake: Lake, name: str) -> str:
    if not name.isalnum():
        raise NoPlanError(f"{name!r} is no plan's name")
    return f"{lake.root}/fleet/plans/{name}.json"
