"""The bar of a training run: steps, time left, every loss term by name; and the same for TensorBoard if wanted."""

import os
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hmmr_model.configs import TrainConfig
from hmmr_model.train import open_board


class TrainingProgress:
    """Called by the training loop with step, steps and weighted terms. Only the first process of a group speaks."""

    def __init__(self, config: TrainConfig, board: Path | None) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[terms]}"), disable=os.environ.get("RANK", "0") != "0",
        )  # fmt: skip
        self._task = self._bar.add_task(f"training {config.preset}", total=config.steps, terms="")
        self._board = open_board(board / "tensorboard") if board is not None else None

    def __call__(self, step: int, steps: int, terms: dict[str, float]) -> None:
        """Show the step; the last one closes the bar."""
        if not self._bar.live.is_started:
            self._bar.start()
        told = "  ".join(f"{name} {value:.3g}" for name, value in terms.items())
        self._bar.update(self._task, completed=step, terms=told)
        if self._board is not None:
            self._board(step, terms)
        if step >= steps:
            self._bar.stop()
