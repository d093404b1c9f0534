"""The quickstart as a Prefect flow: films, harvest by URL, training, scores, the page."""

from pathlib import Path

from prefect import flow, task

from flows.films import STUDY, QuickstartConfig, harvest_by_url, harvest_with_truth, make_all_films
from flows.quickstart.cells import ground_of, train_and_score
from flows.quickstart.report import make_page
from flows.study.baselines import score_baselines
from hmmr_model.configs import tiny

films_task = task(name="make-films")(make_all_films)
harvest_task = task(name="harvest-by-url")(harvest_by_url)
truth_task = task(name="harvest-with-truth")(harvest_with_truth)
cells_task = task(name="train-and-score")(train_and_score)
baselines_task = task(name="score-baselines")(score_baselines)
page_task = task(name="make-page")(make_page)


@flow(name=STUDY, validate_parameters=False)
def quickstart_flow(out: str) -> str:
    """Everything of the quickstart below the folder `out`; returns the page's path. What is there is not done again."""
    config = QuickstartConfig(out=Path(out))
    films_task(config)
    harvest_task(config)
    truth_task(config)
    context = ground_of(config)
    cells_task(config, context)
    baselines_task(context, tiny().data.phi_name)
    return str(page_task(config, context))
