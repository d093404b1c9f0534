"""Loads state dicts from untrusted checkpoints without running any code that the file names.

First torch's own `weights_only=True`. Old files that carry more than tensors (OpenMMLab's history buffers, SPIN's
optimiser state) fail there; they are read once more with an unpickler that rebuilds tensors and turns every other
class that the file names into an empty stand-in: nothing else is imported or called.
"""

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import torch

from body.safe_pickle import NamedOnly


class CheckpointError(ValueError):
    """A file is not a checkpoint, or not of the expected network; the message names it."""


class _StandIn(dict[Any, Any]):
    """Stands for an object of an unknown class. It accepts all that unpickling does to it and ignores it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        """Ignored."""

    def append(self, item: Any) -> None:
        """Ignored."""

    def extend(self, items: Any) -> None:
        """Ignored."""

    def __call__(self, *args: Any, **kwargs: Any) -> "_StandIn":
        return self


class _Unpickler(NamedOnly):
    allowed: ClassVar[Mapping[tuple[str, str], Any]] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
        ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
        ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
        ("torch", "Size"): torch.Size,
    }

    def unknown_name(self, module: str, name: str) -> Any:
        if module == "torch" and name.endswith("Storage"):
            return getattr(torch, name, _StandIn)
        return _StandIn

    def with_state(self, made: Any, state: Any) -> Any:
        """Stand-ins ignore theirs; torch's dictionaries may lose what was set on them beside their entries."""
        return made


_PICKLE = SimpleNamespace(
    __name__="stand-in pickle", Unpickler=_Unpickler, load=lambda file, **kwargs: _Unpickler(file, **kwargs).load()
)


def load_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """Tensors by name, without a wrapping key (state_dict, model, ...) and without the prefix `module.`.

    CheckpointError names a file that is missing, damaged, or holds no tensors.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        content = _load(path)
    except Exception as error:  # torch raises whatever a damaged file leads to
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: not a PyTorch checkpoint ({reason[:200]})") from error
    tensors = {key.removeprefix("module."): value for key, value in _innermost(content).items() if _is_tensor(value)}
    if not tensors:
        raise CheckpointError(f"{path}: holds no tensors by name")
    return tensors


def _load(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        return torch.load(path, map_location="cpu", weights_only=False, pickle_module=_PICKLE)


def _innermost(content: Any) -> Mapping[str, Any]:
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            return _innermost(content[key])
    return content if isinstance(content, Mapping) else {}


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def fill(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor], path: Path, network: str) -> None:
    """Puts the tensors of `path` into `module`, which must fit one to one; CheckpointError says how they do not."""
    own = module.state_dict()
    wanted = {name for name in own if not name.endswith("num_batches_tracked")}
    lacking = sorted(wanted - tensors.keys())
    others = sorted(tensors.keys() - own.keys())
    shapes = [name for name in sorted(wanted & tensors.keys()) if own[name].shape != tensors[name].shape]
    if lacking or others or shapes:
        raise CheckpointError(
            f"{path}: not a checkpoint of {network}: it lacks {_some(lacking)}, has {_some(others)} too many, and "
            f"{_some(shapes)} of another shape"
        )
    module.load_state_dict(dict(tensors), strict=False)


def _some(names: list[str]) -> str:
    return f"{len(names)} tensors ({', '.join(names[:2])}, ...)" if names else "no tensor"
