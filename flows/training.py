"""One training run on a lake: freeze a snapshot, take so many hours of it, train, write the row of the run."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.provenance import code_commit
from hmmr_model.checkpoint import checkpoint_file, load_checkpoint
from hmmr_model.configs import PRESETS, TrainConfig, to_json
from hmmr_model.devices import join_group
from hmmr_model.train import Progress, train
from storage.lake import Lake
from storage.runs import announced, run_row
from storage.snapshot import Snapshot, freeze, load, nested
from storage.tables import rows_to_table

FINE_TUNING_RATE = 0.2
"""Share of the preset's learning rate in fine-tuning. A choice, not measured."""


def configured(
    preset: str, *, steps: int | None = None, initial: str | None = None, phi: str | None = None, pseudo3d: str = "",
    **changes: Any,
) -> TrainConfig:  # fmt: skip
    """The preset of that name with what was asked to differ; ValueError names the presets.

    `initial` names the checkpoint to fine-tune, a path or `released`: its network and image feature are then taken, at
    a lower learning rate. `phi` names another image feature than the preset's, `pseudo3d` a label round to learn from.
    Raises BadCheckpointError.
    """
    if preset not in PRESETS:
        raise ValueError(f"no preset {preset}; there are {', '.join(PRESETS)}")
    config = PRESETS[preset]()
    if initial is not None:
        start = load_checkpoint(checkpoint_file(initial)).config
        optimiser = replace(config.optimiser, learning_rate=FINE_TUNING_RATE * config.optimiser.learning_rate)
        data = replace(config.data, phi_name=start.data.phi_name)
        config = replace(config, initial=initial, model=start.model, optimiser=optimiser, data=data)
    if phi is not None:
        config = replace(config, data=replace(config.data, phi_name=phi))
    if pseudo3d:
        config = replace(config, data=replace(config.data, pseudo3d=pseudo3d))
    return replace(config, **changes) if steps is None else replace(config, steps=steps, **changes)


def train_on_lake(
    lake: str | Path, labelled: Sequence[str | Path], out: Path, config: TrainConfig, *, hours: float | None = None,
    snapshot: str | None = None, resume: bool = True, progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train on `hours` (None: all) of a snapshot (None: frozen now) of the lake; OUT/model.pt is the checkpoint.

    Writes a row of `runs` that names the snapshot of exactly what was trained on. Raises as hmmr_model.train does, and
    LakeError for a label round (`config.data.pseudo3d`, an id or its first digits) that the lake does not have.
    """
    source = Lake(lake, create=False)
    if config.data.pseudo3d:
        from flows.label_round import named_round

        config = replace(config, data=replace(config.data, pseudo3d=named_round(source, config.data.pseudo3d)))
    group = join_group(config.device)
    # the lake may grow while the processes start: all train on what the first one froze
    digest = snapshot or group.gather(freeze(source).digest if group.rank == 0 else "")[0]
    whole = load(source, digest)
    used = whole if hours is None else nested(whole, hours=hours, seed=config.seed)
    folders = [Lake(folder, create=False) for folder in labelled]
    began = datetime.now(UTC)
    run_id = f"{config.preset}-{used.digest[:8]}-{config.seed}-{began:%Y%m%dT%H%M%S}"
    with announced(source.layout, run_id, progress) as told:
        result = train(
            config, source, folders, out, tracklet_ids=used.tracklet_ids, snapshot=whole.digest, resume=resume,
            progress=told,
        )  # fmt: skip
    row = run_row(
        "train", run_id, began,
        json.loads(to_json(config)) | {"hours": used.hours, "lake_hours": whole.hours},
        command=_command(lake, labelled, out, config, whole, hours), commit=code_commit(), seconds=result.seconds,
        snapshot=whole.digest, checkpoint=str(result.checkpoint), curves=result.curves,
    )  # fmt: skip
    if group.rank == 0:  # under torchrun every process comes here, and the run is one
        source.append("runs", rows_to_table("runs", [row]), transaction=f"run/{row['run_id']}")
    return {"checkpoint": str(result.checkpoint), "snapshot": whole.digest, "hours": used.hours, "steps": result.steps}


def _command(
    lake: str | Path,
    labelled: Sequence[str | Path],
    out: Path,
    config: TrainConfig,
    whole: Snapshot,
    hours: float | None,
) -> str:
    words = ["hmmr", "train", "--lake", str(lake), "--out", str(out), "--snapshot", whole.digest]
    words += [word for folder in labelled for word in ("--labelled", str(folder))]
    words += ["--preset", config.preset, "--steps", str(config.steps), "--seed", str(config.seed)]
    words += ["--pseudo3d", config.data.pseudo3d] if config.data.pseudo3d else []
    words += [] if config.initial is None else ["--from", config.initial]
    words += [] if hours is None else ["--hours", str(hours)]
    return shlex.join(words)
