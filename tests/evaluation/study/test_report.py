import json
import time

import numpy as np
import pytest

from evaluation.study.report import ReportOptions, report
from evaluation.study.simulate import LAWS, Design, flat, saturating, simulate
from evaluation.study.table import StudyRowsError, StudyTable, table
from evaluation.study.text import text
from evaluation.study.value import Reach

QUICK = ReportOptions(draws=600)
STEADY = Design(seeds=3, sequences=12, sequence_sd=8, seed_sd=1, run_sd=0.3, response_sd=0.3, rest_sd=1)


def simulated(name: str, seed: int = 0) -> StudyTable:
    return simulate(LAWS[name][0], Design(), np.random.default_rng(seed))


@pytest.mark.parametrize("name", LAWS)
def test_verdict_on_a_known_truth(name: str) -> None:
    # Four studies of each law; the hundreds are in bench/study_simulations.py.
    answers = [report({"semi": simulated(name, seed)}, QUICK)["verdict"] for seed in range(4)]
    assert sum(answer in LAWS[name][1] for answer in answers) >= 3, answers


def test_the_report_is_json_and_reads_as_text() -> None:
    found = json.loads(json.dumps(report({"semi": simulated("saturating")}, QUICK), allow_nan=False))
    assert found["verdict"] == "holds"
    assert found["trend_p"] < 0.01
    assert set(found["fits"]) == {"saturating", "power", "logarithm", "constant"}
    assert sum(fit["weight"] for fit in found["fits"].values()) == pytest.approx(1.0)
    assert "HOLDS" in text(found)
    assert len(found["steps"]) == len(found["hours"]) - 1


def test_an_effect_that_is_surely_none_fails() -> None:
    found = report({"semi": simulate(flat, STEADY, np.random.default_rng(0))}, QUICK)
    assert found["verdict"] == "fails"
    assert "no effect worth the name" in found["reason"]


def test_one_run_of_each_size_decides_nothing() -> None:
    rows = [(h, "0", s, 100.0 - 10 * h) for h in (0.0, 1.0, 2.0) for s in ("a", "b")]
    found = report({"semi": table(rows)}, QUICK)
    assert found["verdict"] == "undecided"
    assert "second seed" in found["more_runs"]["note"]


def test_one_size_decides_nothing() -> None:
    found = report({"semi": table([(0.0, str(r), "a", 100.0 + r) for r in range(3)])}, QUICK)
    assert found["verdict"] == "undecided"
    json.dumps(found, allow_nan=False)


def test_few_sizes_identify_no_law() -> None:
    study = simulate(saturating, STEADY, np.random.default_rng(0), hours=(0.0, 1.0, 4.0))
    found = report({"semi": study}, QUICK)["fits"]["saturating"]
    assert not found["identified"]
    assert "at least 5" in found["why_not"]


def test_share_of_the_gap_and_its_interval() -> None:
    study = simulate(saturating, STEADY, np.random.default_rng(0))
    ceiling = simulate(lambda hours: np.full(len(hours), 80.0), STEADY, np.random.default_rng(1), hours=(16.0,))
    closed = report({"semi": study, "ceiling": ceiling}, QUICK)["gap_closed"]
    truth = (125 - saturating(np.array([16.0]))[0]) / (125 - 80)
    assert closed["low"] < truth < closed["high"]
    assert closed["high"] - closed["low"] < 0.6
    no_better = simulate(flat, STEADY, np.random.default_rng(1), hours=(16.0,))
    worse = StudyTable(no_better.hours_H, no_better.size_C, no_better.seed_C, study.sequences, no_better.error_CS + 40)
    assert report({"semi": study, "ceiling": worse}, QUICK)["gap_closed"] is None


def test_marginal_value_of_a_logarithm_is_the_same_at_every_doubling() -> None:
    study = simulate(LAWS["logarithm"][0], STEADY, np.random.default_rng(0))
    options = ReportOptions(targets=(95.0, 50.0), cost_per_hour=3.0, draws=600)
    value = report({"semi": study}, options)["marginal"]
    # 7 ln(33/17) mm from 16 to 32 hours, 7 ln(18/17) from 16 to 17.
    assert value["per_doubling"]["low"] < 7 * np.log(33 / 17) < value["per_doubling"]["high"]
    assert value["per_next_hour"]["low"] < 7 * np.log(18 / 17) < value["per_next_hour"]["high"]
    assert value["reach"][0]["hours"] == pytest.approx(np.exp(25 / 7) - 1, rel=0.3)
    assert value["reach"][1]["hours"] is None or value["reach"][1]["hours"] > 1000
    assert value["cost_per_mm"]["value"] == pytest.approx(3.0 / value["per_next_hour"]["value"])


def test_undecided_says_how_many_more_runs_would_decide() -> None:
    noisy = Design(seeds=3, sequences=40, response_sd=0, run_sd=6, rest_sd=2)
    study = simulate(LAWS["logarithm"][0], noisy, np.random.default_rng(3))
    weak = StudyTable(
        study.hours_H, study.size_C, study.seed_C, study.sequences,
        study.error_CS + (5.5 * np.log(1 + study.hours_H))[study.size_C, None],
    )  # fmt: skip
    found = report({"semi": weak}, QUICK)
    assert found["verdict"] == "undecided"
    assert found["more_runs"]["runs"] == (found["more_runs"]["seeds"] - 3) * 7
    assert found["more_runs"]["seeds"] > 3


HOURS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


def _rows(error, hours=HOURS, seeds=3, sequences=4) -> StudyTable:
    rng = np.random.default_rng(0)
    return table(
        (h, str(seed), f"s{place}", error(h) + place + rng.normal())
        for h in hours for seed in range(seeds) for place in range(sequences)
    )  # fmt: skip


def test_each_statement_follows_from_the_law_that_is_identified() -> None:
    found = report({"semi": _rows(saturating)}, ReportOptions(targets=(90.0, 20.0), draws=600))
    assert (found["law"], found["no_law"]) == ("saturating", "")
    told = text(found)
    assert "by the saturating law" in told
    assert "to 20.00 mm: out of reach by every law that fits" in told
    assert found["marginal"]["reach"][0]["answer"] == "reached"
    assert "hours [" in told


def test_a_flat_curve_has_no_price_an_hour() -> None:
    found = report({"semi": _rows(flat)}, QUICK)
    assert (found["law"], found["marginal"]["stands"]) == ("constant", False)
    assert "the next hour has no price" in text(found)
    assert "next hour is worth" not in text(found)


@pytest.mark.parametrize(("sizes", "why"), [(1, "1 size; a law"), (2, "2 sizes; a law"), (4, "4 sizes; a law")])
def test_without_a_law_nothing_is_weighed_or_priced(sizes: int, why: str) -> None:
    found = report({"semi": _rows(saturating, HOURS[:sizes])}, QUICK)
    told = text(found)
    assert found["law"] is None
    assert f"no law of error against hours is identified: {why} needs at least 5" in told
    for word in ("weight", "worth", "refits", "out of reach"):
        assert word not in told


def test_one_seed_says_what_its_intervals_hold() -> None:
    told = text(report({"semi": _rows(saturating, seeds=1)}, QUICK))
    assert "95 % of sequences" in told
    assert "the intervals hold what other test sequences would change, not other runs" in told
    assert "no law of error against hours is identified: one run of each size" in told
    bare = report({"semi": _rows(saturating, seeds=1, sequences=1)}, QUICK)
    assert bare["intervals"] == "none"
    assert "no interval" in text(bare)
    assert "[" not in text(bare), "an interval of nothing is no interval"


def test_a_target_on_which_the_laws_differ_is_not_called_out_of_reach() -> None:
    reach = Reach(target=80.0, hours=None, low=12.0, high=None, share=0.8)
    assert reach.answer == "unclear"
    assert Reach(80.0, 12.0, 9.0, None, 0.96).answer == "reached"
    assert Reach(80.0, None, None, None, 0.02).answer == "out of reach"


def test_the_threshold_stands_beside_p() -> None:
    told = text(report({"semi": _rows(saturating)}, QUICK))
    assert told.count("below 0.01 counts") == 2


def test_errors_that_are_all_zero_decide_nothing() -> None:
    rows = [(h, str(seed), name, 0.0) for h in HOURS for seed in range(3) for name in "ab"]
    found = report({"semi": table(rows), "ceiling": table(rows[-6:])}, QUICK)
    json.dumps(found, allow_nan=False)
    assert found["verdict"] == "undecided"
    assert "the error without video is 0" in text(found)


def test_too_many_sizes_are_refused_with_the_way_out_and_64_are_soon_done() -> None:
    rows = [(h / 10, "0", name, 100.0) for h in range(3000) for name in "ab"]
    with pytest.raises(StudyRowsError, match="3000 sizes; up to 64 are compared: round the hours"):
        table(rows)
    study = _rows(saturating, hours=tuple(np.arange(64) / 4), seeds=2)
    began = time.process_time()
    report({"semi": study})
    assert time.process_time() - began < 45
