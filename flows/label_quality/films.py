"""Films with known truth, as arrays. Letters as in evaluation/label_quality/people.py."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evaluation.label_quality.people import Truth
from harvest.video.decode import DecodeConfig
from openworld.film.batch import Progress, make_films
from openworld.film.truth_file import SUFFIX, read_facts, read_people, truth_path
from openworld.worlds import WorldConfig

KIND_WORDS = {
    "one": "one person",
    "crossing": "two people who cross", "four": "four people who cross",
    "hidden": "somebody behind a pillar", "away": "somebody leaves and comes back",
    "cut": "two shots, a person in each",
    "empty": "nobody",
    "handheld": "a camera in a walking hand", "blur": "motion blur", "dark": "low light", "letterbox": "black bars",
    "uhd": "4K", "furniture": "furniture hides the legs", "group": "two groups of three merge",
    "late": "one enters late, another leaves", "poster": "a poster with a person on it",
    "screen": "a screen with a person on it", "closeup": "an upper body, close", "face": "a face alone",
}  # fmt: skip
"""The open world's kinds of film (openworld/worlds.py), in the order of the tables."""


@dataclass(frozen=True)
class KnownFilm:
    """A film, its kind in words, and what is true of it. `cuts`: frames that start a new shot."""

    path: Path
    kind: str
    truth: Truth
    cuts: tuple[int, ...] = ()


def make_known_films(world: WorldConfig, out: Path, progress: Progress | None = None) -> list[KnownFilm]:
    """The films of a world below `out`; those that are there already are kept."""
    there = len(list(out.rglob(f"*{SUFFIX}")))
    # processes that would only find that there is nothing to do take longer to start than to look
    processes = 1 if there >= sum(split.films for split in world.splits) else None
    made = make_films(replace(world, processes=processes), out, progress)
    return [read_film(film.video) for film in made]


def read_film(video: Path) -> KnownFilm:
    """A film of the open world with the truth beside it. TruthFileError if there is none."""
    facts = read_facts(truth_path(video))
    rows = read_people(truth_path(video)).to_pylist()
    if not rows:
        shots = np.searchsorted(facts.cuts, np.arange(facts.n_frames), side="right")
        nobody = Truth(np.zeros((0, facts.n_frames, 25, 3)), np.zeros((0, facts.n_frames), bool), shots)
        return KnownFilm(video, KIND_WORDS[facts.kind], nobody, facts.cuts)
    joints = np.array([row["keypoints_2d"] for row in rows], np.float64).reshape(len(rows), -1, 25, 3)
    # Labels are in px of the picture that the harvest decodes, which is smaller than a 4K film.
    joints[..., :2] *= min(1.0, DecodeConfig().max_side / max(rows[0]["width"], rows[0]["height"]))
    truth = Truth(joints, np.array([row["present"] for row in rows], bool), np.array(rows[0]["shot_index"], np.int64))
    return KnownFilm(video, KIND_WORDS[facts.kind], truth, facts.cuts)


def by_kind(films: list[KnownFilm]) -> dict[str, list[KnownFilm]]:
    """In the order in which kinds first appear in KIND_WORDS, others after them."""
    kinds = list(dict.fromkeys([*KIND_WORDS.values(), *[film.kind for film in films]]))
    return {kind: found for kind in kinds if (found := [film for film in films if film.kind == kind])}
