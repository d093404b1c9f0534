"""`hmmr label3d`: one round of 3D pseudo-labels for a lake, by trained models."""

from typing import Annotated

import typer

from cli.common import JsonOption, LakeOption, as_user_error, require_device, resumable

app = typer.Typer(add_completion=False, help="Label a lake's tracklets in 3D by trained models.")

TEACHER = typer.Option(
    "--teacher", help="A model.pt that labels, or released; once or more. The mean of two or three is best. Required."
)
SNAPSHOT = typer.Option(help="Digest of a frozen selection (`hmmr lake snapshot`); without it one is frozen now.")
REFINE = typer.Option(
    "--refine/--no-refine", help="Move the bodies onto the tracklet's 2D, which is what makes the labels worth it."
)
DEVICE = typer.Option(help="cpu, cuda, cuda:1, mps.")


@app.command()
def label3d(
    teacher: Annotated[list[str], TEACHER],
    lake: LakeOption = None,
    snapshot: Annotated[str | None, SNAPSHOT] = None,
    refine: Annotated[bool, REFINE] = True,
    device: Annotated[str, DEVICE] = "cpu",
    as_json: JsonOption = False,
) -> None:
    """Let trained models label the lake's tracklets in 3D: rows of the table pseudo3d, which no score ever reads.

    The same teachers and settings are one round, with an id; what it has labelled is not labelled again, so a stopped
    round goes on. `hmmr train --pseudo3d ID` learns from it, beside true 3D that keeps half of the windows.
    """
    import json
    from dataclasses import asdict

    from flows.label_round import label_round
    from flows.progress import counting_bar
    from hmmr_model.rounds import RoundConfig
    from storage.layout import lake_root

    require_device(device)
    with resumable("the same command goes on with the rest"), as_user_error(ValueError), counting_bar("label3d") as bar:
        report = label_round(
            lake_root(lake), teacher, snapshot=snapshot, config=RoundConfig(refined=refine), device=device, progress=bar
        )
    if as_json:
        typer.echo(json.dumps(asdict(report)))
        return
    rest = [f"{report.already} were there"] if report.already else []
    rest += [f"{report.without} lack a teacher's φ"] if report.without else []
    rest += [f"{report.held_out} are held out"] if report.held_out else []
    typer.echo(f"round {report.round_id}: {report.labelled} tracklets labelled" + "".join(f", {one}" for one in rest))
    typer.echo(f"train on it: hmmr train --pseudo3d {report.round_id[:12]} ...")
