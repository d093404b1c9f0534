"""Studies that ran, by name."""

from evaluation.study.config import StudyConfig, StudyConfigError

FIVE_SIZES = (0.0, *(round(32 ** (step / 4 - 1), 4) for step in range(5)))
"""Zero, and a thirty-second to all of the films in even steps of the logarithm."""

PRESETS: dict[str, StudyConfig] = {
    "open-quick": StudyConfig(
        name="open-quick", budgets=("steps",), step_shares_without_film=(0.3, 1.0),
        shares=(0.0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0), train=(("preset", "tiny"), ("steps", 400)),
    ),
    "open-world": StudyConfig(
        name="open-world", shares=FIVE_SIZES, labelled=(20, 5), side_shares=(0.0, 1.0), perfect_2d=(1.0,),
        train=(("preset", "tiny"), ("steps", 1500)),
    ),
    "open-world-2d": StudyConfig(
        name="open-world-2d", shares=(0.0, FIVE_SIZES[3], 1.0), budgets=("steps",), labelled=(20,),
        phi=("movenet_pyramid", "keypoints"), step_shares_without_film=(1.0,),
        train=(("preset", "tiny"), ("steps", 1000)),
    ),
}  # fmt: skip
"""`open-quick`: the quickstart's films, ten minutes on two cores. `open-world`: the study of docs/results, with
features that hold 3D knowledge; `open-world-2d`: the same films with features that hold none."""


def preset(name: str) -> StudyConfig:
    """The study of that name; StudyConfigError lists those that there are."""
    if name not in PRESETS:
        raise StudyConfigError(f"no study {name}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
