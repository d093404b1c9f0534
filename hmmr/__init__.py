"""What one builds on, from Python: `from hmmr import Lake, Tracklets, harvest, train, Predictor, evaluate`.

Each name is loaded when it is first used, so that `import hmmr` takes neither torch nor the networks.
"""

import importlib
import importlib.util
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hmmr.pipeline import Predictor, evaluate, harvest, train
    from hmmr.tracklets import Tracklets
    from storage.lake import Lake

__all__ = ["Lake", "Predictor", "Tracklets", "evaluate", "harvest", "train"]
__version__ = version("hmmr-harvest")

_FROM = {
    "Lake": "storage.lake", "Tracklets": "hmmr.tracklets", "harvest": "hmmr.pipeline", "train": "hmmr.pipeline",
    "Predictor": "hmmr.pipeline", "evaluate": "hmmr.pipeline",
}  # fmt: skip
_ROOMS = ("storage", "body", "harvest", "hmmr_model", "evaluation", "flows")


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module hmmr has no {name}; it has {', '.join(__all__)}")
    _refuse_hidden_rooms()
    return getattr(importlib.import_module(_FROM[name]), name)


def _refuse_hidden_rooms() -> None:
    """ImportError that names a package of the user's that Python would take for one of ours."""
    ours = Path(__file__).resolve().parents[1]
    for room in _ROOMS:
        spec = importlib.util.find_spec(room)
        if spec is not None and spec.origin and Path(spec.origin).resolve().parents[1] != ours:
            folder = Path(spec.origin).parent
            raise ImportError(f"{folder} hides hmmr's own package {room}: rename that folder, or start elsewhere")
