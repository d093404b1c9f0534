"""Make the model that `hmmr predict` uses without --checkpoint: films, harvest, training, one file of float16 weights.

    .venv/bin/python scripts/make_released_model.py --out out/released
    .venv/bin/python scripts/make_released_model.py --out out/released --install     (writes hmmr_model/released.pt)
    .venv/bin/python scripts/make_released_model.py --out out/released --dev         (also OUT/dev_acrobatic)

Two stages: films of standing, walking and exercising people with φ of upright crops; then these and films of floor
work, rolls, flips and dance, with φ of crops in which the trunk is upright. An upright crop is one turned by zero.
Every film is synthetic and has true 3D; recorded motion is not used (docs/model_card.md). Safe to stop: the same
command resumes at the film, the video or the training step where it was. The same numbers of films and steps give the
same data; more films keep the earlier ones and begin a new training.
"""

import argparse
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

from flows.films import harvest_all
from flows.progress import counting_bar
from harvest.config import HarvestConfig
from hmmr_model.checkpoint import RELEASED, load_checkpoint, save_checkpoint
from hmmr_model.configs import TrainConfig, open_preset
from hmmr_model.train import train
from openworld.film.batch import make_films
from openworld.film.truth import attach_truth
from openworld.motion.prior_poses import write_prior_poses
from openworld.worlds import SplitConfig, WorldConfig
from storage.lake import Lake

BROAD, ACROBATIC, DEV = 240, 160, 40
"""How many films of each split the released model was made with."""
STEPS = (3000, 2000)
"""Training steps of the two stages."""
SECONDS = (1.8, 2.6)


def released_world(broad: int, acrobatic: int, dev: int, processes: int) -> WorldConfig:
    """Broad motion and wild cameras as in the study's unlabelled films, under names of their own: no film is shared."""
    splits = (
        SplitConfig("released", broad, narrow_share=0.25, crossing=10, cut=10, seconds=SECONDS),
        SplitConfig("released_acrobatic", acrobatic, family="acrobatic", seconds=SECONDS),
        SplitConfig("dev_acrobatic", dev, family="acrobatic", seconds=SECONDS),
    )
    return WorldConfig(splits=tuple(split for split in splits if split.films), processes=processes)


def first_stage(steps: int, prior_poses: Path) -> TrainConfig:
    """The preset `open` for more steps, the other heads in every fourth one."""
    config = open_preset()
    loss = replace(config.loss, auxiliary_every=4)
    return replace(config, preset="released", steps=steps, loss=loss, prior_poses=str(prior_poses))


def second_stage(steps: int, prior_poses: Path, initial: Path) -> TrainConfig:
    """The same from the first stage's weights, told by how much φ's crop is turned."""
    config = first_stage(steps, prior_poses)
    return replace(config, initial=str(initial), data=replace(config.data, phi_name="blazepose_turned+turn"))


def make(out: Path, broad: int, acrobatic: int, dev: int, steps: tuple[int, int], workers: int) -> Path:
    """Make what is missing below `out` and train; returns the checkpoint."""
    with counting_bar("making films") as progress:
        make_films(released_world(broad, acrobatic, dev, workers), out / "films", progress)
    prior_poses = out / "prior_poses.npz"
    if not prior_poses.exists():
        write_prior_poses(prior_poses)
    upright = _harvested(out, "released", ("blazepose_penultimate",), workers)
    turned = _harvested(out, "released_acrobatic", ("blazepose_turned",), workers)
    if dev:
        _harvested(out, "dev_acrobatic", ("blazepose_penultimate", "blazepose_turned"), workers)
    stage = first_stage(steps[0], prior_poses)
    first = train(stage, None, [upright], out / f"first-{broad}-{steps[0]}", progress=_report)
    config = second_stage(steps[1], prior_poses, first.checkpoint)
    folder = out / f"model-{broad}-{acrobatic}-{steps[0]}-{steps[1]}"
    return train(config, None, [upright, turned], folder, progress=_report).checkpoint


def _harvested(out: Path, split: str, phis: tuple[str, ...], workers: int) -> Lake:
    """The lake of one split's films, with their true 3D."""
    films, lake = out / "films" / split, Lake(out / split)
    harvest_all([films], out / split, HarvestConfig(workers=workers, retry_failed=True, phis=phis))
    attach_truth(lake, films)
    return lake


def install(checkpoint: Path, target: Path = RELEASED) -> Path:
    """Write the checkpoint with float16 weights, as package data; paths of this machine are left out."""
    model = load_checkpoint(checkpoint)
    weights = {name: value.half() if value.is_floating_point() else value for name, value in model.weights.items()}
    config = replace(model.config, prior_poses=None, initial=None)
    save_checkpoint(target, replace(model, config=config, weights=weights))
    return target


def _report(step: int, steps: int, terms: dict[str, float]) -> None:
    print(f"{step}/{steps} loss {sum(terms.values()):.2f}", file=sys.stderr, flush=True)


def main() -> None:
    """Make the checkpoint; with --install write it into the package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where films, lake and training lie")
    parser.add_argument("--broad", type=int, default=BROAD, help="films of standing, walking, exercising people")
    parser.add_argument("--acrobatic", type=int, default=ACROBATIC, help="films of floor work, rolls, flips, dance")
    parser.add_argument("--steps", type=int, nargs=2, default=STEPS, help="of the first and the second stage")
    parser.add_argument("--dev", action="store_true", help="also make the films that configurations are chosen on")
    parser.add_argument("--workers", type=int, default=2, help="processes for films and harvest")
    parser.add_argument("--install", action="store_true", help="also write hmmr_model/released.pt")
    given = parser.parse_args()
    dev = DEV if given.dev else 0
    path = make(given.out, given.broad, given.acrobatic, dev, tuple(given.steps), given.workers)
    if given.install:
        path = install(path)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
