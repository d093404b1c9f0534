"""An optional sink of the curves: TensorBoard's event files, for those who have it installed."""

from collections.abc import Callable
from pathlib import Path


def open_board(folder: Path) -> Callable[[int, dict[str, float]], None]:
    """A function of step and terms that writes them below `folder`. ModuleNotFoundError says what to install."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("TensorBoard is not installed: pip install tensorboard, or leave it out") from error
    writer = SummaryWriter(str(folder))  # type: ignore[no-untyped-call]

    def write(step: int, terms: dict[str, float]) -> None:
        for name, value in terms.items():
            writer.add_scalar(f"loss/{name}", value, step)  # type: ignore[no-untyped-call]
        writer.flush()  # type: ignore[no-untyped-call]

    return write
