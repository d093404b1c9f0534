"""`hmmr evaluate`: score a checkpoint on data with 3D truth, by a protocol that every number names."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import LakeOption, absent, require_device

if TYPE_CHECKING:
    from evaluation.bootstrap import Interval
    from flows.evaluate import Outcome, Request
    from storage.lake import Lake

BASELINES = {
    "zero_shot": "the 2D network's own 3D",
    "zero_shot_smoothed": "the same, smoothed over two frames",
}

app = typer.Typer(add_completion=False, help="Score a checkpoint by a named protocol.")

CHECKPOINT = typer.Option(help="model.pt that `hmmr train` wrote.")
DATA = typer.Option(help="NAME:DIR, such as 3dpw:lakes/3dpw: a lake that `hmmr data prepare` made, or films' own.")
PROTOCOL = typer.Option(help="Id of a protocol; 'help' explains every one in words.")
SPLIT = typer.Option(help="Which split of the data's labels.")
TRAINED = typer.Option(help="A lake that the checkpoint was trained on; more than once. Compared with the test data.")
JSON = typer.Option("--json", help="Also as JSON here; else beside the checkpoint.")
SMPL = typer.Option(help="Folder with SMPL_NEUTRAL, SMPL_MALE, SMPL_FEMALE: for protocols that score a mesh's joints.")
REGRESSOR = typer.Option(help="J_regressor_h36m.npy, for the same protocols.")
LEAKED = typer.Option("--allow-contaminated", help="Write numbers although test data was trained on; the rows say so.")
UNCHECKED = typer.Option("--unchecked", help="Do not look whether test data was trained on.")
REFINE = typer.Option("--refine", help="Score bodies moved onto the 2D keypoints, as `hmmr predict` writes them.")
DEVICE = typer.Option(help="cpu, cuda, cuda:1, mps.")


@app.command()
def evaluate(
    protocol: Annotated[str, PROTOCOL],
    checkpoint: Annotated[Path | None, CHECKPOINT] = None,
    data: Annotated[str | None, DATA] = None,
    split: Annotated[str, SPLIT] = "test",
    trained_on: Annotated[list[Path] | None, TRAINED] = None,
    lake: LakeOption = None,
    json_out: Annotated[Path | None, JSON] = None,
    smpl: Annotated[Path | None, SMPL] = None,
    regressor: Annotated[Path | None, REGRESSOR] = None,
    allow_contaminated: Annotated[bool, LEAKED] = False,
    unchecked: Annotated[bool, UNCHECKED] = False,
    refine: Annotated[bool, REFINE] = False,
    device: Annotated[str, DEVICE] = "cpu",
) -> None:
    """Predict every labelled tracklet of the data, score it, keep per-sequence rows in the lake and as JSON.

    Prints both averages with 95 % intervals over sequences, the worst sequences, and published rows of the same
    protocol. Refuses where protocol and data do not fit, and where test data was trained on.
    """
    from evaluation.protocols.registry import protocol_named
    from flows.evaluate import Request, keep
    from flows.evaluate import evaluate as run

    if protocol == "help":
        return _explain()
    if checkpoint is None:
        raise typer.BadParameter("give one: the model.pt that `hmmr train` wrote", param_hint="--checkpoint")
    if data is None or ":" not in data:
        written = f", not {data}" if data else ""
        raise typer.BadParameter(f"is NAME:DIR, such as films:out/quickstart/held_out{written}", param_hint="--data")
    require_device(device)
    if not checkpoint.exists():
        raise absent(checkpoint, "; `hmmr train` writes OUT/model.pt")
    dataset, _, folder = data.partition(":")
    request = Request(
        checkpoint=checkpoint, dataset=dataset, data=Path(folder), protocol=protocol_named(protocol), split=split,
        trained_on=tuple(trained_on or ()), device=device, smpl=smpl, regressor=regressor,
        allow_contaminated=allow_contaminated, unchecked=unchecked, refine=refine,
        command=shlex.join(["hmmr", *sys.argv[1:]]),
    )  # fmt: skip
    outcome = run(request)
    report = json_out or _beside(checkpoint, request)
    keep(outcome, _scores_lake(lake), report)
    _show(outcome)
    typer.echo(f"rows: run {outcome.run['run_id']}; JSON: {report}")
    return None


def _beside(checkpoint: Path, request: "Request") -> Path:
    """Where the JSON goes if nobody says: each set, split and protocol has a file, and refined bodies another."""
    words = ["scores", request.dataset, request.split, request.protocol.id]
    if request.refine:
        words.append("refined")
    return checkpoint.with_name("-".join(words) + ".json")


def _explain() -> None:
    from evaluation.protocols.describe import all_in_words
    from evaluation.protocols.registry import PROTOCOLS

    typer.echo(all_in_words(PROTOCOLS.values()))


def _scores_lake(given: str | None) -> "Lake":
    from storage.lake import Lake
    from storage.layout import lake_root

    return Lake(lake_root(given))


def _show(outcome: "Outcome") -> None:
    from evaluation.bootstrap import intervals
    from evaluation.score import aggregate, scored_frames
    from flows.evaluate import worst

    request, protocol = outcome.request, outcome.request.protocol
    averages = aggregate(outcome.scores)
    typer.echo(f"{request.dataset} {request.split}, protocol {protocol.id}: {scored_frames(outcome.scores)} frames "
               f"of {len(outcome.scores)} sequences")  # fmt: skip
    more = [metric for metric in sorted(averages) if "_at" in metric or metric.startswith(("pve", "pa_pve"))]
    for metric in (*protocol.metrics, *more):
        mean, (macro, micro) = averages[metric], intervals(outcome.scores, metric)
        line = f"  {metric:24s} {_shown(mean.macro, macro)} over sequences   {_shown(mean.micro, micro)} over frames"
        typer.echo(line + (f"   {mean.n_nan} frames without a value" if mean.n_nan else ""))
    excluded: dict[str, int] = {}
    for score in outcome.scores:
        for reason, count in score.excluded.items():
            excluded[reason] = excluded.get(reason, 0) + count
    if excluded:
        typer.echo("  left out: " + ", ".join(f"{reason} {count}" for reason, count in sorted(excluded.items())))
    typer.echo("  worst: " + ", ".join(f"{s.sequence} {s.value('pa_mpjpe_mm'):.1f}" for s in worst(outcome.scores)))
    for name, means in outcome.untrained.items():
        values = ", ".join(f"{metric} {value:.2f}" for metric, value in means.items())
        typer.echo(f"  {name}, {BASELINES[name]} on the same frames: {values}")
    for match in outcome.matches:
        typer.echo(f"  LEAK {match}")
    for row in protocol.published_for(request.dataset):
        values = ", ".join(f"{metric} {value:g}" for metric, value in row.metrics.items())
        typer.echo(f"  published, same protocol: {row.model}: {values} ({row.source})")


def _shown(mean: float, interval: "Interval") -> str:
    return f"{mean:8.2f} {interval}"
