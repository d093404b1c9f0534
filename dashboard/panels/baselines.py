"""What a model without added video, or without any training, reaches: the numbers that the curve must beat."""

from collections.abc import Sequence

from dashboard.curve_data import CURVE_VARIANTS, Curve, Setting, curves, settings
from dashboard.markup import Html, element, join
from dashboard.panel import Panel
from dashboard.panels.curve import setting_name
from dashboard.tables import Row, folded, table
from dashboard.units import hours_text, variant_name
from dashboard.view import LakeView


def baselines_panel(view: LakeView) -> Panel:
    """Per setting: every variant, best first, and its distance to the best trained model."""
    parts = [_setting_table(setting, curves(view.scores, setting)) for setting in settings(view.scores)]
    found = [part for part in parts if part is not None]
    if not found:
        body = element("p", "No baseline has been scored in this lake yet.", class_="empty")
        return Panel("baselines", "Variants and baselines", body)
    note = element(
        "p",
        "Lower is better. Zero-shot 3D comes from the 2D network itself, where its maker trained it with 3D labels; "
        "its φ may hold that knowledge too.",
    )
    rest = folded("Other test sets and metrics", *found[2:]) if len(found) > 2 else None
    return Panel("baselines", "Variants and baselines", join(note, *found[:2], rest))


def _setting_table(setting: Setting, lines: Sequence[Curve]) -> Html | None:
    if not any(line.variant not in CURVE_VARIANTS for line in lines):
        return None
    rows = sorted((row for line in lines for row in _ends(line)), key=lambda row: row[-1])
    trained = [row[-1] for row in rows if row[1] == variant_name("semi")]
    best = min(trained) if trained else None
    made: list[Row] = [(*row, f"{row[-1] - best:+.2f}" if best is not None else "") for row in rows]
    heads = ["study and φ", "variant", "added video", "runs", "value", "against the best trained"]
    return table(setting_name(setting), heads, made)


def _ends(line: Curve) -> list[tuple[str, str, str, int, float]]:
    sizes = line.hours if line.variant not in CURVE_VARIANTS else [line.hours[0], line.hours[-1]]
    return [
        (line.name, variant_name(line.variant), hours_text(size), sum(p.hours == size for p in line.points),
         line.mean(size))
        for size in dict.fromkeys(sizes)
    ]  # fmt: skip
