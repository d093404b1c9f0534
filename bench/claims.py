"""A claim about speed as a row of docs/performance.md: a ratio measured in one run, its median and spread.

A ratio is of two costs that were measured in turn, so that other work on the machine slows both alike. Costs are CPU
seconds of a process, its threads and its children, unless the claim says otherwise.
"""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Claim:
    """What was measured. `wanted` is the goal as text, `at_least` or `at_most` the same as a number."""

    what: str
    wanted: str
    ratios: Sequence[float]
    command: str
    at_least: float | None = None
    at_most: float | None = None
    before: Sequence[float] = ()
    """The same ratio of the code of an earlier checkout, where that was given."""
    note: str = ""
    unit: str = ""

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.ratios)

    @property
    def verdict(self) -> str:
        """met, missed, or nothing where no goal is set."""
        if self.at_least is not None:
            return "met" if self.median >= self.at_least else "**missed**"
        if self.at_most is not None:
            return "met" if self.median <= self.at_most else "**missed**"
        return ""

    def line(self) -> str:
        """A row of the page's table."""
        cells = [self.what, self.wanted, _spread(self.before, self.unit), _spread(self.ratios, self.unit), self.verdict]
        return f"| {' | '.join([*cells, self.note])} |"


HEAD = "| claim | wanted | before | now | | |\n|---|---|---|---|---|---|"


def _spread(ratios: Sequence[float], unit: str) -> str:
    """Median (least to most)."""
    if not ratios:
        return ""
    middle = statistics.median(ratios)
    if len(ratios) == 1:
        return f"{middle:.2f}{unit}"
    return f"{middle:.2f}{unit} ({min(ratios):.2f} to {max(ratios):.2f})"


@dataclass(frozen=True)
class Part:
    """What one script measured: claims, tables as they are, and on what machine and when."""

    name: str
    date: str
    machine: str
    claims: Sequence[Claim] = ()
    text: str = ""
    failures: Sequence[str] = ()
    """What should have been measured and was not, and why."""

    def save(self, folder: Path) -> None:
        """One JSON file a part, so that one part can be measured again alone."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.json").write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, file: Path) -> "Part":
        """What `save` wrote."""
        raw = json.loads(file.read_text())
        return cls(**{**raw, "claims": [Claim(**claim) for claim in raw["claims"]]})
