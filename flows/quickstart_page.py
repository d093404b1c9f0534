"""The quickstart's last step: the best checkpoint, pictures of what it sees, real video beside it, the page."""

import shutil
from pathlib import Path

from flows.pictures import film_pictures
from flows.quickstart.cells import best_checkpoint
from flows.quickstart.report import write_report
from flows.quickstart_config import QuickstartConfig
from flows.study.ground import Ground
from storage.lake import Lake


def make_page(config: QuickstartConfig, ground: Ground) -> Path:
    """Keep the best checkpoint (by dev) as OUT/model.pt, draw the strip, write report.json and report.html."""
    checkpoint = config.out / "model.pt"
    shutil.copyfile(best_checkpoint(config, ground), checkpoint)
    pictures = film_pictures(checkpoint, Lake(config.held_out), config.films / "test")
    return write_report(
        Lake(config.lake), ground.study, config.out, snapshot=ground.snapshot, checkpoint=checkpoint,
        films=config.films, pictures=pictures, extra={},
    )  # fmt: skip
