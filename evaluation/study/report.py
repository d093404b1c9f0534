"""Builds the report of one study: all results of the statistics, as one JSON object."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evaluation.study.draws import DRAWS, Draws, Noise, draw, noise
from evaluation.study.fits import LawFit, best_law, fit_laws, identified_law
from evaluation.study.power import more_runs
from evaluation.study.steps import CONFIDENCE, Interval, gap_closed, interval, step, steps
from evaluation.study.table import MAIN, StudyTable
from evaluation.study.trend import Trend, trend
from evaluation.study.value import marginal_value
from evaluation.study.verdict import DELTA_SHARE, LEVEL, verdict

CEILING = "ceiling"


@dataclass(frozen=True)
class ReportOptions:
    """What the user wants to know beyond the verdict. Targets are errors, the cost is per hour of video."""

    targets: tuple[float, ...] = ()
    cost_per_hour: float | None = None
    draws: int = DRAWS


def report(tables: Mapping[str, StudyTable], options: ReportOptions | None = None) -> dict[str, Any]:
    """The report on the main variant of `tables`; with a ceiling among them also the share of the gap closed."""
    chosen = options or ReportOptions()
    table = tables[MAIN]
    draws, scatter = draw(table, chosen.draws), noise(table)
    falls = trend(table, draws)
    answer = verdict(table.hours_H, draws, falls, scatter_known=scatter.df > 0)
    fits = fit_laws(table, draws, scatter)
    law, no_law = identified_law(fits, len(table.hours_H), scatter_known=scatter.df > 0)
    return {
        "verdict": answer.answer,
        "reason": answer.reason,
        "trend_p": falls.p,
        "trend_level": LEVEL,
        "delta": DELTA_SHARE * abs(float(draws.mean_H[0])),
        "confidence": CONFIDENCE,
        "intervals": _intervals(table, scatter),
        **_design(table),
        "trend": _trend(falls),
        "sizes": _sizes(table, draws),
        "steps": [asdict(change) for change in steps(table.hours_H, draws)],
        "total_change": asdict(step(table.hours_H, draws, 0, len(table.hours_H) - 1).change),
        "best_law": best_law(fits),
        "law": law,
        "no_law": no_law,
        "fits": {name: _fit(law, draws) for name, law in fits.items()},
        "marginal": _marginal(fits, law, table, draws, chosen),
        "gap_closed": _gap(tables),
        "more_runs": _more(answer.answer, table, draws, scatter),
    }


def _design(table: StudyTable) -> dict[str, Any]:
    return {
        "hours": table.hours_H.tolist(),
        "seeds": sorted(set(table.seed_C)),
        "runs": len(table.seed_C),
        "paired_by_seed": table.crossed,
        "sequences": len(table.sequences),
        "dropped_sequences": list(table.dropped),
    }


def _intervals(table: StudyTable, scatter: Noise) -> str:
    """Names the scatter that the intervals include: that of runs and sequences, of the sequences alone, or none."""
    if scatter.df > 0:
        return "runs and sequences"
    return "sequences" if len(table.sequences) > 1 else "none"


def _trend(falls: Trend) -> dict[str, Any]:
    return {
        "p": falls.p, "p_permutation": falls.p_permutation, "p_bootstrap": falls.p_bootstrap,
        "falling_fit": falls.falling_H.tolist(), "largest_rise": falls.largest_rise,
    }  # fmt: skip


def _sizes(table: StudyTable, draws: Draws) -> list[dict[str, Any]]:
    rows = []
    for place, hours in enumerate(table.hours_H):
        spread = interval(draws.mean_H[place], draws.curves[:, place])
        rows.append({"hours": float(hours), "runs": int(table.runs_of_sizes[place]), **_mean(spread)})
    return rows


def _mean(spread: Interval) -> dict[str, float]:
    return {"mean": spread.value, "low": spread.low, "high": spread.high}


def _fit(law_fit: LawFit, draws: Draws) -> dict[str, Any]:
    largest = float(draws.mean_H[-1])
    extrapolation = law_fit.foretold
    return {
        "parameters": {name: asdict(value) for name, value in law_fit.parameters.items()},
        "aicc": _number(law_fit.aicc),
        "weight": law_fit.weight,
        "p_misfit": law_fit.p_misfit,
        "identified": not law_fit.why_not,
        "why_not": law_fit.why_not,
        "extrapolation": extrapolation
        and {
            **asdict(extrapolation),
            "error": extrapolation.value - largest,
            "relative": extrapolation.value / largest - 1 if largest else None,
        },
        "curve": [[hours, band.value, band.low, band.high] for hours, band in law_fit.curve],
    }


def _marginal(
    fits: Mapping[str, LawFit], law: str | None, table: StudyTable, draws: Draws, options: ReportOptions
) -> dict[str, Any]:
    """Marginal values at the largest size, as JSON.

    `stands` tells whether the data identify a law that falls or rises. Without such a law the values are guesses.
    """
    last = float(draws.mean_H[-1])
    targets: Sequence[float] = options.targets or (last - DELTA_SHARE * float(draws.mean_H[0]),)
    value = marginal_value(fits, float(table.hours_H[-1]), targets, options.cost_per_hour)
    reaches = [asdict(reach) | {"answer": reach.answer} for reach in value.reach]
    return asdict(value) | {"reach": reaches, "stands": law not in (None, "constant")}


def _gap(tables: Mapping[str, StudyTable]) -> dict[str, float] | None:
    table, ceiling = tables[MAIN], tables.get(CEILING)
    if ceiling is None or len(table.hours_H) < 2 or table.hours_H[0] != 0:
        return None
    closed = gap_closed(table, ceiling)
    return None if closed is None else asdict(closed)


def _more(answer: str, table: StudyTable, draws: Draws, scatter: Noise) -> dict[str, Any] | None:
    if answer != "undecided":
        return None
    if len(table.hours_H) < 2:
        return {"seeds": None, "runs": None, "answer": answer, "note": "run a second size first"}
    if not draws.mean_H[0]:
        return None
    if scatter.df == 0:
        return {"seeds": None, "runs": None, "answer": answer, "note": "run at least a second seed of each size first"}
    return asdict(more_runs(table, draws, scatter))


def _number(value: float) -> float | None:
    return value if value < float("inf") else None
