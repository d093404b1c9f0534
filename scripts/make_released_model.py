"""Make the model that `hmmr predict` uses without --checkpoint: films, harvest, training, one file of float16 weights.

    .venv/bin/python scripts/make_released_model.py --out out/released
    .venv/bin/python scripts/make_released_model.py --out out/released --install     (writes hmmr_model/released.pt)

Every film is synthetic and has true 3D; recorded motion is not used (docs/model_card.md). Safe to stop: the same
command resumes at the film, the video or the training step where it was. The same --films and --steps give the same
data; more films keep the earlier ones and begin a new training.
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

FILMS, STEPS = 240, 3000
"""What the released model was made with."""
SPLIT = "released"


def released_world(films: int, processes: int) -> WorldConfig:
    """Broad motion and wild cameras as in the study's unlabelled films, under a name of its own: no film is shared."""
    split = SplitConfig(SPLIT, films, narrow_share=0.25, crossing=10, cut=10, seconds=(1.8, 2.6))
    return WorldConfig(splits=(split,), processes=processes)


def released_config(steps: int, prior_poses: Path) -> TrainConfig:
    """The preset `open` for more steps, the other heads in every fourth one."""
    config = open_preset()
    loss = replace(config.loss, auxiliary_every=4)
    return replace(config, preset="released", steps=steps, loss=loss, prior_poses=str(prior_poses))


def make(out: Path, films: int, steps: int, workers: int) -> Path:
    """Make what is missing below `out` and train; returns the checkpoint."""
    folder, lake = out / "films", out / SPLIT
    with counting_bar("making films") as progress:
        make_films(released_world(films, workers), folder, progress)
    prior_poses = out / "prior_poses.npz"
    if not prior_poses.exists():
        write_prior_poses(prior_poses)
    harvest_all([folder / SPLIT], lake, HarvestConfig(workers=workers, retry_failed=True))
    attach_truth(Lake(lake), folder / SPLIT)
    config = released_config(steps, prior_poses)
    result = train(config, None, [Lake(lake)], out / f"model-{films}-{steps}", progress=_report)
    return result.checkpoint


def install(checkpoint: Path, target: Path = RELEASED) -> Path:
    """Write the checkpoint with float16 weights, as package data; paths of this machine are left out."""
    model = load_checkpoint(checkpoint)
    weights = {name: value.half() if value.is_floating_point() else value for name, value in model.weights.items()}
    save_checkpoint(target, replace(model, config=replace(model.config, prior_poses=None), weights=weights))
    return target


def _report(step: int, steps: int, terms: dict[str, float]) -> None:
    print(f"{step}/{steps} loss {sum(terms.values()):.2f}", file=sys.stderr, flush=True)


def main() -> None:
    """Make the checkpoint; with --install write it into the package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where films, lake and training lie")
    parser.add_argument("--films", type=int, default=FILMS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--workers", type=int, default=2, help="processes for films and harvest")
    parser.add_argument("--install", action="store_true", help="also write hmmr_model/released.pt")
    given = parser.parse_args()
    path = make(given.out, given.films, given.steps, given.workers)
    if given.install:
        path = install(path)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
