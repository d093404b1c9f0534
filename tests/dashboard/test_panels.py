"""What the panels say about a lake whose rows are known."""

import re
from datetime import timedelta

from dashboard.panels.curve import curve_panel
from dashboard.panels.harvest import cost_panel, funnel_panel
from dashboard.panels.runs import read_curves
from dashboard.panels.scores import PUBLISHED, baselines_panel
from dashboard.panels.sources import sources_panel, survival_panel
from dashboard.panels.verdict import verdict_panel
from dashboard.panels.which_data import which_panel
from dashboard.studies import fitted_studies
from dashboard.view import LakeView, of_one_snapshot, read_view
from evaluation.protocols.published import HMMR
from storage.lake import Lake
from storage.tables import rows_to_table


def test_the_verdict_of_a_kept_report_is_shown_with_its_law(full_lake: Lake) -> None:
    view = read_view(full_lake)
    report = fitted_studies(view.runs)[0].report
    shown = verdict_panel(view).body
    assert report["verdict"] in shown
    assert f"{report['trend_p']:.2g}" in shown
    assert "a law needs at least 5" in shown


def test_the_ranking_of_parts_is_shown(full_lake: Lake) -> None:
    shown = which_panel(read_view(full_lake)).body
    assert "quick by tag: pa_mpjpe_mm, films dev" in shown
    assert ">2 [1, 3]</td>" in shown
    assert "so there is no" not in shown
    assert "No ranking yet" in which_panel(LakeView()).body


def test_the_newest_report_of_a_setting_counts(full_lake: Lake) -> None:
    runs = [row for row in full_lake.read("runs").to_pylist() if row["run_id"] == "fit"]
    later = runs[0] | {"started_at": runs[0]["started_at"] + timedelta(days=1)}
    later["config"] = later["config"].replace('"trend_p": ', '"trend_p": 0.5, "was": ')
    assert [fitted.report["trend_p"] for fitted in fitted_studies([later, *runs])] == [0.5]


def test_candidates_and_counts_of_frames_are_no_curves(full_lake: Lake) -> None:
    row = next(row for row in full_lake.read("scores").to_pylist() if row["variant"] == "semi")
    other = [
        row | {"score_id": "x", "variant": "candidate", "phi_name": "tried on dev"},
        row | {"score_id": "y", "metric": "excluded_frames", "study": "frames only"},
    ]
    body = curve_panel(LakeView(scores=other)).body + baselines_panel(LakeView(scores=other)).body
    assert "tried on dev" not in body
    assert "frames only" not in body


def test_cost_adds_up_over_videos(full_lake: Lake) -> None:
    shown = cost_panel(read_view(full_lake)).body
    # Two videos of 2 s with 8 s of wall time each for pose: 16 s, 4 hours an hour.
    assert re.search(r">pose</td><td[^>]*>15</td><td[^>]*>16</td>", shown)
    assert ">4</td>" in shown


def test_links_that_went_are_counted(full_lake: Lake) -> None:
    assert "1 of 2 sources were gone" in survival_panel(read_view(full_lake)).body


def test_a_source_that_was_labelled_again_counts_once(full_lake: Lake) -> None:
    old = full_lake.read("tracklets").to_pylist()[0]
    again = old | {"tracklet_id": "new", "label_key": "1" * 64, "committed_at": old["committed_at"] + timedelta(days=1)}
    anew = {"label_key": again["label_key"], "committed_at": again["committed_at"]}
    video = next(row for row in full_lake.read("videos").to_pylist() if row["source_id"] == old["source_id"])
    reject = full_lake.read("rejects").to_pylist()[0] | {"label_key": again["label_key"], "reason": "still"}
    full_lake.append("tracklets", rows_to_table("tracklets", [again]))
    full_lake.append("videos", rows_to_table("videos", [video | anew]))
    full_lake.append("rejects", rows_to_table("rejects", [reject]))
    view = read_view(full_lake)
    assert [group.tracklets for group in view.totals.by["video"] if group.name != "squats"] == [1]
    assert ([row[1] for row in view.totals.rejects], list(view.reject_examples)) == (["still"], ["still"])
    assert "2 more of earlier labels" in funnel_panel(view).body
    assert "2 s" in sources_panel(view).body


def test_a_text_that_is_no_curve_gives_none() -> None:
    for text in (None, "", "[]", "{", '{"loss": [1, 2]}', '{"loss": 3}'):
        assert read_curves(text) == {}
    assert read_curves('{"loss": [[0, 1.5]]}') == {"loss": [(0.0, 1.5)]}


def test_a_curve_is_of_one_pool(full_lake: Lake) -> None:
    rows = full_lake.read("scores").to_pylist()
    runs = [*full_lake.read("runs").to_pylist(), {"run_id": "old", "snapshot": "another"}]
    scored = next(row for row in rows if row["run_id"] in {run["run_id"] for run in runs})  # a baseline has no run
    older = [scored | {"scored_at": scored["scored_at"] - timedelta(days=1), "run_id": "old", "hours": 9.0}]
    kept = of_one_snapshot([*rows, *older], runs)
    assert kept == rows
    newer = [older[0] | {"scored_at": scored["scored_at"] + timedelta(days=1)}]
    curve = ("study", "variant")
    kept = of_one_snapshot([*rows, *newer], runs)
    only = [row for row in kept if all(row[key] == scored[key] for key in curve)]
    assert {row["run_id"] for row in only} == {"old"}


def test_the_papers_rows_are_those_of_the_evaluator() -> None:
    known = {(row.model, row.metrics["mpjpe_mm"], row.metrics["pa_mpjpe_mm"]) for row in HMMR}
    assert {(model, mpjpe, pa) for model, _, mpjpe, pa, _ in PUBLISHED} == known
