"""Colours, marks and dashes that stay apart for colour-blind readers and in grey print.

The eight colours are those of Okabe and Ito, "Color Universal Design" (2008); yellow is left out, since it
vanishes on white. No two series are told apart by colour alone.
"""

COLOURS: tuple[str, ...] = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKS: tuple[str, ...] = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross")
DASHES: tuple[str, ...] = ("solid", "dash", "dot", "dashdot", "longdash")

_DASHES_OF = {
    "ceiling": "longdash", "ridge": "dash", "zero_shot": "dashdot", "mean_pose": "dot", "single_frame": "longdashdot",
    "no_film_best_step": "2px 8px",
}  # fmt: skip

LEFT, RIGHT, MIDDLE = COLOURS[0], COLOURS[1], "#333333"
"""Of a drawn skeleton, by the person's own sides."""


def colour(index: int) -> str:
    """The colour of the index-th series; they repeat after seven, with another mark and dash."""
    return COLOURS[index % len(COLOURS)]


def mark(index: int) -> str:
    """The mark of the index-th series, shifted by one after each round of the colours."""
    return MARKS[(index + index // len(COLOURS)) % len(MARKS)]


def dash(index: int) -> str:
    """The dash of the index-th line."""
    return DASHES[index % len(DASHES)]


def dash_of(variant: str) -> str:
    """The dash of a horizontal line by what it stands for, the same in every figure."""
    return _DASHES_OF.get(variant, "3px 6px 1px 6px")


def tinted(hex_colour: str, alpha: float) -> str:
    """The colour as rgba() with the given opacity, for bands."""
    red, green, blue = (int(hex_colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
