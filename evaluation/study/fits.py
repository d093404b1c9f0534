"""Which law the curve follows, with intervals by refit: each law plus the bootstrap's noise, fitted again.

AICc: Hurvich and Tsai, Biometrika 76 (1989). Observations are the single runs, not the means of the sizes:
seven means could never tell a law of four parameters from one of three.

Legend: B draws, C cells, H sizes, X places where the curve is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.study.draws import Draws, Noise
from evaluation.study.laws import ALPHA_RANGE, FREE, LAWS, Fits, fit
from evaluation.study.steps import Interval, interval
from evaluation.study.table import Float, StudyTable

REFITS = 1000
LEAST_SIZES = 5
"""Fewer sizes cannot identify a law (docs/conventions.md 7)."""

MISFIT = 0.01
"""Below this p a law is said to miss the means."""

_CURVE_POINTS = 40


@dataclass(frozen=True)
class LawFit:
    """One law: its parameters and curve with intervals, its weight against the others, and how well it foretells."""

    law: str
    parameters: dict[str, Interval]
    aicc: float
    weight: float
    p_misfit: float
    """How often noise alone puts the means as far from the law as they are."""
    why_not: str
    """Why its parameters are not identified; empty where they are."""
    curve: list[tuple[float, Interval]]
    foretold: Interval | None
    """Error at the largest size as foretold from the others; None with fewer than three sizes."""
    drawn: Fits
    """The refits, for what is derived from them."""
    best: Fits


def fit_laws(table: StudyTable, draws: Draws, noise: Noise, laws: Sequence[str] = LAWS) -> dict[str, LawFit]:
    """The laws, in the order given; weights are among them."""
    fits = {law: fit(law, table.hours_H, draws.mean_H[None], _weights(table)) for law in laws}
    aicc = {law: _aicc(table, noise, law, float(law_fit.rss_B[0])) for law, law_fit in fits.items()}
    lowest = min(aicc.values())
    likely = {law: float(np.exp(-(value - lowest) / 2)) for law, value in aicc.items()}
    total = sum(likely.values())
    return {law: _law_fit(table, draws, fits[law], aicc[law], likely[law] / total) for law in laws}


def best_law(fits: dict[str, LawFit]) -> str:
    """The law with the lowest AICc."""
    return min(fits, key=lambda law: fits[law].aicc)


def identified_law(fits: dict[str, LawFit], sizes: int, *, scatter_known: bool) -> tuple[str | None, str]:
    """The law that the data identify, or None and why none is.

    It is the one with the lowest AICc, if its own parameters are identified and the runs show how much they scatter:
    without that no criterion can weigh one law against another.
    """
    if not scatter_known:
        return None, "one run of each size cannot show how much runs scatter"
    if sizes < LEAST_SIZES:
        return None, f"{sizes} {'size' if sizes == 1 else 'sizes'}; a law needs at least {LEAST_SIZES}"
    best = best_law(fits)
    why_not = fits[best].why_not
    return (None, f"the {best} law fits best, but {why_not}") if why_not else (best, "")


def curve_hours(hours_H: Float) -> Float:
    """Places at which a law is drawn: zero, and the span of the sizes in equal doublings."""
    positive = hours_H[hours_H > 0]
    spread = np.geomspace(positive[0], positive[-1], _CURVE_POINTS) if len(positive) else np.zeros(0)
    return np.concatenate([hours_H[hours_H == 0], spread])


def _law_fit(table: StudyTable, draws: Draws, best: Fits, aicc: float, weight: float) -> LawFit:
    moved_BH = (draws.shape_BH + draws.level_B[:, None])[:REFITS]
    drawn = fit(best.law, table.hours_H, best.at(table.hours_H) + moved_BH, _weights(table))
    own, refit = best.parameters(), drawn.parameters()
    parameters = {name: _parameter(name, float(own[name][0]), refit[name]) for name in own}
    p_misfit = float((drawn.rss_B >= best.rss_B[0] * (1 - 1e-9)).mean())
    return LawFit(
        law=best.law, parameters=parameters, aicc=aicc, weight=weight, p_misfit=p_misfit,
        why_not=_why_not(best.law, len(table.hours_H), parameters, p_misfit), curve=_curve(table, best, drawn),
        foretold=_foretold(table, best.law, draws.mean_H, moved_BH), drawn=drawn, best=best,
    )  # fmt: skip


def _parameter(name: str, value: float, drawn_B: Float) -> Interval:
    """Percentile interval of the refits; for an amplitude, which is skewed and biased where the offset is loose, the
    hull with its mirror image about the estimate in logarithms (the basic bootstrap; Davison and Hinkley, "Bootstrap
    Methods and their Application", 1997, 5.2.1): alone the percentiles held 89.5 % (docs/results)."""
    spread = interval(value, drawn_B)
    if name != "A" or not 0 < spread.low <= spread.high or value <= 0:
        return spread
    return Interval(value, min(spread.low, value**2 / spread.high), max(spread.high, value**2 / spread.low))


def _weights(table: StudyTable) -> Float:
    return np.asarray(table.runs_of_sizes.astype(float))


def _aicc(table: StudyTable, noise: Noise, law: str, lack_of_fit: float) -> float:
    """Of the single runs: scatter within the sizes plus the law's distance to their means."""
    n = len(table.cell_means)
    k = FREE[law] + 1 + max(len(noise.seed_effect) - 1, 0)
    rss = max(float((noise.residual_C**2).sum()) + lack_of_fit, 1e-12)
    if n - k - 1 <= 0:
        return float("inf") if law != "constant" else n * np.log(rss / n) + 2 * k
    return float(n * np.log(rss / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1))


def _why_not(law: str, sizes: int, parameters: dict[str, Interval], p_misfit: float) -> str:
    if p_misfit < MISFIT:
        return f"the means do not follow this law (p = {p_misfit:.2g})"
    if law == "constant":
        return ""
    if sizes < LEAST_SIZES:
        return f"{sizes} sizes; a law needs at least {LEAST_SIZES}"
    alpha, amount = parameters.get("alpha"), parameters.get("A", parameters.get("b"))
    if amount is not None and amount.low <= 1e-9 and amount.high >= -1e-9:
        return "the interval of its amount reaches 0"
    if alpha is not None and alpha.low <= 1.05 * ALPHA_RANGE[0]:
        return "the interval of alpha reaches 0"
    if alpha is not None and alpha.high >= 0.95 * ALPHA_RANGE[1]:
        return f"the interval of alpha reaches {ALPHA_RANGE[1]:g}: the fall may be over after the first size"
    return ""


def _curve(table: StudyTable, best: Fits, drawn: Fits) -> list[tuple[float, Interval]]:
    hours_X = curve_hours(table.hours_H)
    value_X, drawn_BX = best.at(hours_X)[0], drawn.at(hours_X)
    return [(float(h), interval(value_X[x], drawn_BX[:, x])) for x, h in enumerate(hours_X)]


def _foretold(table: StudyTable, law: str, mean_H: Float, moved_BH: Float) -> Interval | None:
    """The law's prediction for the largest size, fitted to the other sizes, with its interval by refit."""
    if len(table.hours_H) < 3:
        return None
    hours_H, weight_H, last = table.hours_H[:-1], _weights(table)[:-1], table.hours_H[-1:]
    own = fit(law, hours_H, mean_H[None, :-1], weight_H)
    drawn = fit(law, hours_H, own.at(hours_H) + moved_BH[:, :-1], weight_H)
    return interval(float(own.at(last)[0, 0]), drawn.at(last)[:, 0])
