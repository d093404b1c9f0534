"""One label round over a lake: freeze a snapshot, let the teachers label it in 3D, a few tracklets at a time.

A round that is stopped goes on: its id is a hash of teachers and settings, and what it has labelled is in the lake.
"""

import hashlib
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from flows.provenance import code_commit
from hmmr_model.configs import DataConfig
from hmmr_model.rounds import RoundConfig, Teacher, label_tracklets, load_teachers, round_id
from storage.errors import LakeError
from storage.json_text import read_object
from storage.lake import Lake
from storage.runs import run_row
from storage.snapshot import Snapshot, freeze, load
from storage.tables import rows_to_table

AT_ONCE = 32
"""Tracklets of one commit: what a kill costs."""


@dataclass(frozen=True)
class RoundReport:
    """What a round came to. `without`: tracklets that lack a teacher's φ; `held_out`: of test and dev splits."""

    round_id: str
    snapshot: str
    labelled: int
    already: int
    without: int
    held_out: int


def label_round(
    lake: str | Path, teachers: Sequence[str | Path], *, snapshot: str | None = None, config: RoundConfig | None = None,
    device: str = "cpu", progress: Callable[[int, int], None] | None = None,
) -> RoundReport:  # fmt: skip
    """Label the tracklets of a snapshot (None: frozen now) and note the round in `runs`.

    Tracklets whose true 3D belongs to a held-out split get no row. Raises as `load_teachers` does, and LakeError.
    """
    config = config or RoundConfig()
    models = load_teachers(teachers, device)
    source = Lake(lake, create=False)
    frozen = load(source, snapshot) if snapshot else freeze(source)
    name, began = round_id(models, config), datetime.now(UTC)
    held_out = _held_out(source, frozen)
    wanted = sorted(set(frozen.tracklet_ids) - held_out)
    done = set(source.read("pseudo3d", ["tracklet_id"], pc.field("round_id") == name)["tracklet_id"].to_pylist())
    to_do = [tracklet for tracklet in wanted if tracklet not in done]
    labelled = 0
    for start in range(0, len(to_do), AT_ONCE):
        ids = to_do[start : start + AT_ONCE]
        rows = label_tracklets(source, models, ids, config, name)
        if rows:
            mark = hashlib.sha256("\n".join([name, *ids]).encode()).hexdigest()
            source.append("pseudo3d", rows_to_table("pseudo3d", rows), transaction=f"round/{mark[:32]}")
        labelled += len(rows)
        if progress is not None:
            progress(start + len(ids), len(to_do))
    report = RoundReport(name, frozen.digest, labelled, len(wanted) - len(to_do), len(to_do) - labelled, len(held_out))
    _note(source, models, config, report, began)
    return report


def _held_out(lake: Lake, frozen: Snapshot) -> set[str]:
    splits = pa.array(DataConfig().held_out, pa.string())
    rows = lake.read("labels3d", ["tracklet_id"], pc.field("split").isin(splits))
    return set(rows["tracklet_id"].to_pylist()) & set(frozen.tracklet_ids)


def _note(lake: Lake, teachers: Sequence[Teacher], config: RoundConfig, report: RoundReport, began: datetime) -> None:
    """The row of `runs`: which models taught, and what these had learnt from, so that an erasure finds the round."""
    told = {
        "round_id": report.round_id,
        "teachers": sorted(teacher.sha256 for teacher in teachers),
        "teachers_snapshots": sorted({teacher.snapshot for teacher in teachers if teacher.snapshot}),
        "teachers_rounds": sorted({teacher.learnt_from for teacher in teachers if teacher.learnt_from}),
        **asdict(config),
    }
    words = ["hmmr", "label3d", "--lake", str(lake.root), "--snapshot", report.snapshot]
    words += [word for teacher in teachers for word in ("--teacher", str(teacher.path))]
    words += [] if config.refined else ["--no-refine"]
    row = run_row(
        "label3d", f"round-{report.round_id[:12]}-{report.snapshot[:8]}", began, told, command=shlex.join(words),
        commit=code_commit(), snapshot=report.snapshot,
    )  # fmt: skip
    lake.append("runs", rows_to_table("runs", [row]), transaction=f"run/{row['run_id']}")


def named_round(lake: Lake, name: str) -> str:
    """The whole id of a label round of this lake by its first digits, or `newest`. LakeError lists the rounds."""
    notes = lake.read("runs", ["config", "started_at"], pc.field("kind") == "label3d").sort_by("started_at")
    rounds = list(dict.fromkeys(str(read_object(config)["round_id"]) for config in notes["config"].to_pylist()))
    matches = rounds[-1:] if name == "newest" else [one for one in rounds if one.startswith(name)]
    if len(matches) != 1:
        listed = ", ".join(one[:12] for one in rounds) or "none yet: `hmmr label3d` makes one"
        raise LakeError(f"{lake.root}: no label round {name}; there are {listed}")
    return matches[0]
