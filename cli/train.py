"""`hmmr train`: HMMR on a lake of pseudo-labelled tracklets and on lakes with 3D labels."""

from pathlib import Path
from typing import Annotated

import typer

from cli.common import LakeOption, UserError, as_user_error, one_of, only_local, require_device, resumable

app = typer.Typer(add_completion=False, help="Train HMMR on a lake and labelled data.")

LABELLED = typer.Option("--labelled", help="Folder or s3:// URL of a lake with 3D labels; once or more. Required.")
OUT = typer.Option(
    "--out", callback=only_local, help="Folder for model.pt, and state.pt that a killed run goes on from."
)  # fmt: skip
PRESET = typer.Option(help="paper (2,048 wide, a GPU), open (all heads, minutes on a CPU) or tiny (seconds).")
HOURS = typer.Option(min=0, help="So many hours of the lake, nested by source and seed; 0 is labelled data alone.")
STEPS = typer.Option(min=1, help="Optimiser steps; else the preset's.")
SNAPSHOT = typer.Option(help="Digest of a frozen selection (`hmmr lake snapshot`); without it one is frozen now.")
RESUME = typer.Option("--resume/--fresh", help="Go on with what OUT holds, or begin anew.")
DEVICE = typer.Option(help="cpu, cuda, cuda:1, mps. Under torchrun each process takes its own.")
PHI = typer.Option(help="Image feature of the lakes to train on, such as keypoints; else the preset's.")
PRIOR = typer.Option(help="Real poses for the pose prior: an .npz, or a folder of AMASS files.")
FROM = typer.Option("--from", help="Fine-tune this checkpoint, with its network and feature: released, or a model.pt.")
PSEUDO3D = typer.Option(
    help="Learn from this label round of the lake too (`hmmr label3d`): its id or first digits, or newest. Half of the "
    "windows with 3D are then its own."
)
WARM = typer.Option(help="model.pt whose regressor and mean to start from, as HMMR starts from HMR's.")
BODY = typer.Option(help="SMPL-format body file with a keypoint regressor; else the open body.")
PRECISION = typer.Option(help="fp32, or bf16 for the network's forward pass.")
THREADS = typer.Option(help="CPU threads; 0 leaves torch's own choice.")
_LABELLED_FROM = "`make quickstart` makes out/quickstart/labelled; your own: hmmr data prepare --help"
BOARD = typer.Option(help="Also write the curves for TensorBoard into OUT/tensorboard (needs tensorboard).")


@app.command()
def train(
    labelled: Annotated[list[str], LABELLED],
    out: Annotated[Path, OUT],
    lake: LakeOption = None,
    preset: Annotated[str, PRESET] = "open",
    hours: Annotated[float | None, HOURS] = None,
    snapshot: Annotated[str | None, SNAPSHOT] = None,
    seed: int = 0,
    device: Annotated[str, DEVICE] = "cpu",
    steps: Annotated[int | None, STEPS] = None,
    resume: Annotated[bool, RESUME] = True,
    phi: Annotated[str | None, PHI] = None,
    pseudo3d: Annotated[str, PSEUDO3D] = "",
    prior_poses: Annotated[Path | None, PRIOR] = None,
    warm_start: Annotated[Path | None, WARM] = None,
    initial: Annotated[str | None, FROM] = None,
    body: Annotated[Path | None, BODY] = None,
    body_name: str = "open24",
    precision: Annotated[str, PRECISION] = "fp32",
    compile_network: Annotated[bool, typer.Option("--compile", help="torch.compile the network.")] = False,
    threads: Annotated[int, THREADS] = 1,
    tensorboard: Annotated[bool, BOARD] = False,
) -> None:
    """Train HMMR; write OUT/model.pt and a row of the lake's `runs`.

    Half of each batch has 3D labels, half the lake's detected 2D. Films or tracklets labelled dev, test or mocap never
    train. Safe to kill: the same command goes on, and ends with the same weights. Several processes:
    `torchrun --nproc-per-node 2 --no-python hmmr train ...`.
    """
    from flows.progress import TrainingProgress
    from flows.training import configured, train_on_lake
    from hmmr_model.configs import PRESETS
    from storage.layout import lake_root

    one_of(precision, ("fp32", "bf16"), "--precision")
    one_of(preset, tuple(PRESETS), "--preset")
    _refuse_early(device, labelled)
    try:
        config = configured(
            preset, steps=steps, seed=seed, device=device, prior_poses=_text(prior_poses), body=_text(body),
            body_name=body_name, warm_start=_text(warm_start), precision=precision, compile=compile_network,
            threads=threads, initial=initial, phi=phi, pseudo3d=pseudo3d,
        )  # fmt: skip
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--from" if initial else "--preset") from None
    with resumable("the same command goes on from the last saved state"), as_user_error(ModuleNotFoundError):
        done = train_on_lake(
            lake_root(lake), labelled, out, config, hours=hours, snapshot=snapshot, resume=resume,
            progress=TrainingProgress(config, out if tensorboard else None),
        )  # fmt: skip
    typer.echo(f"{done['checkpoint']}: {done['steps']} steps, {done['hours']:.3f} h added, snapshot {done['snapshot']}")


def _refuse_early(device: str, labelled: list[str]) -> None:
    """What can be known before anything is read: no such device, no such labelled lake."""
    require_device(device)
    for folder in labelled:
        if "://" not in folder and not Path(folder).is_dir():
            raise UserError(f"no lake at {folder}; {_LABELLED_FROM}")


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
