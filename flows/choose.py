"""A choice between configurations, made on dev films and nowhere else."""

from collections.abc import Sequence
from statistics import fmean

import pyarrow.compute as pc

from evaluation.score_rows import MACRO
from flows.study.ground import Cell, Ground
from hmmr_model.configs import TrainConfig
from storage.lake import Lake


def dev_error(cells: Sequence[Cell], ground: Ground) -> float:
    """Mean PA-MPJPE in mm over the seeds' cells, on dev films; ValueError where one was not scored."""
    where = (
        pc.field("run_id").isin([cell.run_id(ground) for cell in cells]) & (pc.field("study") == ground.study)
        & (pc.field("dataset") == ground.dev.dataset) & (pc.field("split") == "dev")
        & (pc.field("sequence") == MACRO) & (pc.field("metric") == "pa_mpjpe_mm")
    )  # fmt: skip
    rows = Lake(ground.lake).read("scores", ["run_id", "value"], where).to_pylist()
    by_run = {row["run_id"]: row["value"] for row in rows}
    if len(by_run) != len({cell.run_id(ground) for cell in cells}):
        raise ValueError(f"study {ground.study}: a candidate has no score on dev")
    return fmean(by_run.values())


def best_on_dev(candidates: Sequence[Sequence[Cell]], ground: Ground) -> TrainConfig:
    """Of groups of cells (one group a configuration, one cell a seed) the configuration with the least dev error."""
    return min(candidates, key=lambda cells: dev_error(cells, ground))[0].train
