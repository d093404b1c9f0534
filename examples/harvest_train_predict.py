"""Harvest clips, predict their bodies with the released model, fine-tune it on them, predict again.

python examples/harvest_train_predict.py CLIPS LABELLED OUT

CLIPS is a file or a folder of yours. LABELLED is a lake with 3D labels, such as out/quickstart/labelled, which
`make quickstart` leaves.
"""

import sys
from pathlib import Path

from hmmr import Predictor, harvest, train


def main(clips: str, labelled: str, out: Path, steps: int = 200) -> None:
    """Everything is written below `out`: the lake, the run, and one folder of motion files a model."""
    report = harvest([clips], out / "lake")
    print(f"{report.books.done} of {report.books.asked} videos done, {report.tracklets} tracklets")
    run = train(out / "lake", [labelled], out / "run", initial="released", steps=steps)
    clip = next(path for path in [Path(clips), *sorted(Path(clips).glob("*.mp4"))] if path.is_file())
    for name, checkpoint in (("released", None), ("mine", run["checkpoint"])):
        people = Predictor(checkpoint)(clip, out / name)
        print(f"{name}: {len(people)} people, {[len(person.pts) for person in people]} frames, in {out / name}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *map(int, sys.argv[4:]))
