"""The study's statistics against simulated truth: are its verdicts right, do its intervals cover?

    .venv/bin/python bench/study_simulations.py --simulations 200 --out docs/results/study_simulations.md

For each law and design: 200 studies are drawn, each gets its verdict, and every interval is compared with the truth
that it was drawn from.
"""

import argparse
import time
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluation.study.draws import Draws, draw, noise
from evaluation.study.fits import LawFit, fit_laws
from evaluation.study.simulate import HOURS, LAWS, Design, Law, flat, simulate
from evaluation.study.steps import Interval, interval, step, steps
from evaluation.study.table import StudyTable
from evaluation.study.trend import trend
from evaluation.study.verdict import verdict

DESIGNS = {
    "pilot-like": Design(),
    "few sequences": Design(sequences=10),
    "five seeds": Design(seeds=5, run_sd=1.5),
    "no shared response": Design(response_sd=0.0, run_sd=1.5),
    "noisy runs": Design(run_sd=3.0),
}
TRUE_PARAMETERS = {
    "saturating": {"E_inf": 80.0, "A": 45.0, "alpha": 0.6, "h0": 1.0},
    "logarithm": {"a": 120.0, "b": 7.0, "h0": 1.0},
}
Covered = dict[str, list[bool]]


def one(law: Law, name: str, table: StudyTable, draws: Draws) -> tuple[str, Covered]:
    """The verdict on one simulated study, and which of its intervals hold the truth."""
    answer = verdict(table.hours_H, draws, trend(table, draws), scatter_known=True).answer
    truth_H = law(np.array(HOURS))
    covered: Covered = defaultdict(list)
    for place in range(len(HOURS)):
        covered["size"].append(_holds(interval(draws.mean_H[place], draws.curves[:, place]), truth_H[place]))
    for place, change in enumerate(steps(table.hours_H, draws)):
        covered["step"].append(_holds(change.change, truth_H[place + 1] - truth_H[place]))
    covered["total"].append(_holds(step(table.hours_H, draws, 0, len(HOURS) - 1).change, truth_H[-1] - truth_H[0]))
    if name in TRUE_PARAMETERS:
        _law_coverage(covered, fit_laws(table, draws, noise(table), laws=(name,))[name], law, name)
    return answer, covered


def _law_coverage(covered: Covered, fitted: LawFit, law: Law, name: str) -> None:
    for hours, band in fitted.curve:
        covered["fitted curve"].append(_holds(band, float(law(np.array([hours]))[0])))
    for parameter, value in TRUE_PARAMETERS[name].items():
        covered[parameter].append(_holds(fitted.parameters[parameter], value))
    if fitted.foretold is not None:
        covered["foretold"].append(_holds(fitted.foretold, float(law(np.array(HOURS[-1:]))[0])))


def _holds(found: Interval, truth: float) -> bool:
    return bool(found.low <= truth <= found.high)


def run(simulations: int, draws_count: int) -> list[str]:
    """Lines of the two tables."""
    heads = ("design", "truth", "right verdict", "holds", "fails", "undecided", "right")
    verdicts = [f"| {' | '.join(heads)} |", "|---|---|---|---|---|---|---|"]
    coverage = ["| design | truth | intervals of 95 % that held the truth |", "|---|---|---|"]
    for design_name, design in DESIGNS.items():
        counts, covered = _design(design, simulations, draws_count)
        for name, (_, right) in LAWS.items():
            share = sum(counts[name][answer] for answer in right) / simulations
            cells = " | ".join(str(counts[name][answer]) for answer in ("holds", "fails", "undecided"))
            verdicts.append(f"| {design_name} | {name} | {' or '.join(sorted(right))} | {cells} | {share:.1%} |")
            said = ", ".join(f"{kind} {np.mean(values):.1%}" for kind, values in covered[name].items())
            coverage.append(f"| {design_name} | {name} | {said} |")
            print(verdicts[-1], coverage[-1], flush=True)
    return [*verdicts, "", *coverage]


def _design(design: Design, simulations: int, draws_count: int) -> tuple[dict[str, Counter[str]], dict[str, Covered]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    covered: dict[str, Covered] = defaultdict(lambda: defaultdict(list))
    for seed in range(simulations):
        # The draws depend on the scatter alone, so those about the flat study serve every law.
        still = draw(simulate(flat, design, np.random.default_rng(seed)), draws_count, seed=seed)
        for name, (law, _) in LAWS.items():
            table = simulate(law, design, np.random.default_rng(seed))
            answer, found = one(law, name, table, replace(still, mean_H=table.by_size(table.cell_means)))
            counts[name][answer] += 1
            for kind, values in found.items():
                covered[name][kind] += values
    return counts, covered


def main() -> None:
    """Run the simulations and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=10)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    start = time.monotonic()
    lines = run(options.simulations, options.draws)
    seconds = time.monotonic() - start
    head = [
        "# The study's statistics against simulated truth",
        "",
        f"`python bench/study_simulations.py --simulations {options.simulations} --draws {options.draws}`: "
        f"{options.simulations} studies a row, {options.draws} draws and refits each, {seconds:.0f} s in all. "
        f"Sizes {', '.join(f'{hours:g}' for hours in HOURS)} hours; laws and designs: evaluation/study/simulate.py. "
        "The same noise is used for every law of a design, so rows of one design are not independent.",
        "",
    ]
    if options.out is None:
        return
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join([*head, *lines]) + "\n")


if __name__ == "__main__":
    main()
