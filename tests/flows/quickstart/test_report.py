"""The quickstart's sentences follow from its numbers, whichever way these go."""

import shlex
from pathlib import Path
from typing import Any

from flows.quickstart.report import next_commands, sentences


def point(
    variant: str, hours: float, seed: int, error: float, accel: float = 40.0, split: str = "test"
) -> dict[str, Any]:
    return {"variant": variant, "hours": hours, "seed": seed, "split": split, "pa_mpjpe_mm": error,
            "accel_error_mm_frame2": accel}  # fmt: skip


CELLS = [point("semi", 0.0, 0, 132.0), point("semi", 0.0, 1, 134.0), point("semi", 0.05, 0, 121.0),
         point("semi", 0.05, 1, 122.0), point("semi", 0.05, 0, 1.0, split="dev")]  # fmt: skip


def test_what_fell_what_is_free_and_what_two_seeds_cannot_say() -> None:
    first, second, third = sentences(
        [*CELLS, point("zero_shot", 0, 0, 96.5, 76.8), point("zero_shot_smoothed", 0, 0, 97, 12)]
    )
    assert first.startswith("3.0 minutes of harvested film lowered")
    assert "from 133.0 to 121.5 mm PA-MPJPE" in first
    assert "(smoothed over time), for free, is at 97.0 mm, better than this model" in second
    assert "12.0 mm/frame²" in second
    assert third.startswith("With 2 seeds, which differ by up to 2.0 mm at one size")


def test_what_rose_is_not_said_to_have_fallen() -> None:
    worse = [cell | {"pa_mpjpe_mm": 300 - cell["pa_mpjpe_mm"]} for cell in CELLS]
    first, second, _ = sentences([*worse, point("zero_shot", 0, 0, 250.0)])
    assert "did not lower" in first
    assert "(frame by frame)" in second
    assert "worse than this model" in second


def test_half_a_curve_says_nothing() -> None:
    assert sentences(CELLS[:2]) == []


def test_the_next_commands_name_this_run(tmp_path: Path) -> None:
    commands = [shlex.split(line) for line, _ in next_commands(tmp_path / "a b")]
    assert commands[0][:5] == ["hmmr", "predict", "clip.mp4", "--checkpoint", str(tmp_path / "a b" / "model.pt")]
    assert str(tmp_path / "a b" / "labelled") in commands[2]
