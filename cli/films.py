"""`hmmr films`: synthetic films with known 3D, and a picture of them to look at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import UserError, one_of, only_local

if TYPE_CHECKING:
    from openworld.worlds import WorldConfig

app = typer.Typer(add_completion=False, help="Make synthetic films with known 3D.", no_args_is_help=True)

OUT = typer.Option(
    "--out", callback=only_local,
    help="Folder for the films: OUT/SPLIT/FILM.mp4 with FILM.truth.parquet beside it.",
)  # fmt: skip
PRESET = typer.Option(
    help="quickstart (70 short films), study (880 films of 2 s), tracking (30 films of people who cross, hide, leave "
    "and come back), conditions (45 films of what real video has: hand-held, faces, posters, blur, 4K ...), all of "
    "hand-written motion; or mocap (real motion)."
)
MOTIONS = typer.Option(
    "--motions",
    help="For mocap: a motion file (.bvh, .amc, AMASS .npz, DeepMimic .txt) or a folder of them; more than once if "
    "wanted. Without it, the clips that pybullet and Debian's assimp-testmodels have put on this machine.",
)
SEED = typer.Option(help="Another seed, other people, motions and places; the same seed, the same films.")
COUNT = typer.Option("--count", min=1, help="At most so many films of each split, the first ones of the preset.")
PROCESSES = typer.Option(help="Processes side by side; 0 is one a core. Changes speed, never content.")


@app.command()
def make(
    out: Annotated[Path, OUT],
    preset: Annotated[str, PRESET] = "quickstart",
    seed: Annotated[int, SEED] = 0,
    count: Annotated[int | None, COUNT] = None,
    processes: Annotated[int, PROCESSES] = 0,
    motions: Annotated[list[Path] | None, MOTIONS] = None,
) -> None:
    """Make the films of a preset. What is there already is kept, so that it can be stopped and run again.

    A synthetic person before a synthetic scene: what is measured on these films is said of them, not of real video.
    """
    from dataclasses import replace

    from flows.progress import counting_bar
    from openworld.film.batch import make_films

    world = replace(_world(preset, seed, motions or []), processes=processes or None)
    with counting_bar("making films") as progress:
        films = make_films(world, out, progress, first=count)
    seconds = sum(film.seconds for film in films)
    typer.echo(f"{len(films)} films, {seconds / 60:.1f} minutes, in {out}")


@app.command()
def look(
    out: Annotated[Path, typer.Argument(help="Folder that `hmmr films make` wrote, or one split of it.")],
    picture: Annotated[Path, typer.Option("--picture", help="PNG to write.")] = Path("films.png"),
    films: Annotated[int, typer.Option(help="How many films, a row each.")] = 8,
    skeletons: Annotated[bool, typer.Option(help="Draw the true keypoints.")] = True,
) -> None:
    """Write a contact sheet: frames of some films with the true skeletons drawn on."""
    from openworld.film.contact_sheet import write_contact_sheet

    videos = sorted(out.rglob("*.mp4"))
    if not videos:
        raise UserError(f"no film below {out}: `hmmr films make --out {out}` makes some")
    write_contact_sheet(videos[:: max(1, len(videos) // films)][:films], picture, skeletons=skeletons)
    typer.echo(f"{picture}")


def _world(preset: str, seed: int, motions: list[Path]) -> "WorldConfig":
    from openworld.worlds import conditions_world, quickstart_world, study_world, tracking_world

    one_of(preset, ("quickstart", "study", "tracking", "conditions", "mocap"), "--preset")
    if motions and preset != "mocap":
        raise typer.BadParameter("goes with --preset mocap only", param_hint="--motions")
    if preset == "mocap":
        return _mocap_world(seed, motions)
    if preset == "quickstart":
        return quickstart_world(seed)
    if preset == "study":
        return study_world(seed=seed)
    if preset == "conditions":
        return conditions_world(seed=seed)
    return tracking_world(seed=seed)


def _mocap_world(seed: int, motions: list[Path]) -> "WorldConfig":
    from body.motion import MotionFileError
    from openworld.motion.recorded import installed_motions, motion_files
    from openworld.worlds import mocap_world

    try:
        files = motion_files(motions) if motions else installed_motions()
    except MotionFileError as problem:
        raise typer.BadParameter(str(problem), param_hint="--motions") from None
    if not files:
        raise typer.BadParameter(
            "no mocap on this machine: give --motions, or `pip install pybullet==3.2.7`", param_hint="--motions"
        )
    return mocap_world(files, seed)
