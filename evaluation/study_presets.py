"""Studies that ran, by name."""

from evaluation.study_config import StudyConfig, StudyConfigError

PRESETS: dict[str, StudyConfig] = {
    "open-quick": StudyConfig(
        name="open-quick", budgets=("steps",), step_shares_without_film=(0.3, 1.0),
        shares=(0.0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0), train=(("preset", "tiny"), ("steps", 600)),
    ),
    "open-world": StudyConfig(
        phi=("blazepose_penultimate", "movenet_pyramid", "keypoints"), labelled=(20, 5, None), noise=(0.0, 1.0, 3.0),
        side_shares=(0.0, 1.0), perfect_2d=(1.0,),
    ),
}  # fmt: skip
"""`open-quick`: the quickstart's films, ten minutes on two cores. `open-world`: the study of docs/results."""


def preset(name: str) -> StudyConfig:
    """The study of that name; StudyConfigError lists those that there are."""
    if name not in PRESETS:
        raise StudyConfigError(f"no study {name}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
