"""The live page's parts: what runs now, the harvest, hosts, workers, errors, trainings and studies, as markup."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow.compute as pc

from dashboard.charts import COLOURS
from dashboard.markup import Cells, Html, Panel, bars, element, facts, hours_text, join, number, short, table, when
from dashboard.now import Counts, Glance, Worker, time_left
from dashboard.panels.answer import answers, cards, sentence
from dashboard.studies import MACRO, NOT_SHOWN
from dashboard.view import LakeView, of_one_snapshot
from storage.lake import Lake
from storage.ledger.items import DONE, ERASED, FAILED, PENDING, REJECTED
from storage.runs import Running

_STATES = (DONE, PENDING, REJECTED, FAILED, ERASED)
_SILENT_S = 60.0
"""A training that has not renewed its file for so long is called silent."""

_MOST_HOSTS = 200


@dataclass(frozen=True)
class Cellwise:
    """A series of a study as its cells fill: by hours the seeds that were scored."""

    study: str
    variant: str
    seeds: Mapping[float, Sequence[int]]


@dataclass(frozen=True)
class Moment:
    """Everything that the page shows of one moment; None where it has not been read (yet) or there is none."""

    glance: Glance | None = None
    counts: Counts | None = None
    running: Sequence[Running] = ()
    studies: Sequence[Cellwise] | None = None
    answer: str = ""
    """Markup of the answer of the newest study."""
    totals: Sequence[tuple[str, str]] = ()
    """What the lake holds, as names and values."""


def panels(moment: Moment) -> list[Panel]:
    """The page's parts, in its order."""
    return [
        Panel("now", "Now", _now(moment)),
        Panel("items", "Items by state", _items(moment)),
        Panel("trainings", "Running trainings", _trainings(moment.running)),
        Panel("studies", "Studies, cell by cell", _studies(moment.studies)),
        Panel("errors", "Newest errors", _errors(moment.glance)),
        Panel("workers", "Workers and leases", _workers(moment.glance)),
        Panel("hosts", "Hosts: budgets and bans", _hosts(moment)),
    ]


def _empty(text: str) -> Html:
    return element("p", text, class_="empty")


def span(seconds: float) -> str:
    """A time in words: 40 s, 12 min, 3.5 h, 2.1 days."""
    return f"{seconds / 86_400:.1f} days" if seconds >= 172_800 else hours_text(max(seconds, 0.0) / 3600)


def _now(moment: Moment) -> Html:
    holds = list(moment.totals)
    if moment.glance is None or moment.counts is None:
        return join(
            facts(holds) if holds else None, _empty("This lake has no ledger: nothing was asked for through it.")
        )
    states, rates = moment.counts.states, moment.glance.rates
    alive = [worker for worker in moment.glance.workers if worker.lease_s > 0]
    ended = sum(states.get(state, 0) for state in _STATES if state != PENDING)
    told = _sentence(alive, states.get(PENDING, 0), moment.glance)
    left = time_left(moment.counts, rates)
    numbers = [
        ("items ended", f"{ended:,} of {sum(states.values()):,}"),
        ("done an hour", number(round(rates.get(DONE, 0.0), 1))),
        ("failed an hour", number(round(rates.get(FAILED, 0.0), 1))),
        ("time left", "–" if left is None or not states.get(PENDING) else span(left)),
        *holds,
    ]
    return join(element("p", told, class_="lead"), facts(numbers))


def _sentence(alive: Sequence[Worker], pending: int, glance: Glance) -> str:
    held = sum(worker.holds for worker in alive)
    quiet = (
        f"the last item changed {span(glance.quiet_s)} ago" if glance.quiet_s is not None else "no item ever changed"
    )
    if alive:
        runs = "1 worker runs" if len(alive) == 1 else f"{len(alive)} workers run"
        return f"{runs} and hold{'s' if len(alive) == 1 else ''} {held:,} items; {quiet}."
    return f"Nothing runs; {pending:,} items wait; {quiet}."


def _items(moment: Moment) -> Html:
    if moment.counts is None:
        return _empty("No ledger.")
    states = moment.counts.states
    total = sum(states.values())
    rates = moment.glance.rates if moment.glance else {}
    rows: list[Cells] = [
        (state, states.get(state, 0), f"{100 * states.get(state, 0) / total:.1f} %" if total else "–",
         round(rates.get(state, 0.0), 1) if state != PENDING else None)
        for state in _STATES
    ]  # fmt: skip
    reasons = sorted(moment.counts.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    return join(
        bars(f"{total:,} items that were asked for", ["state", "items", "share", "an hour now"], rows, of=1),
        bars("Why items were rejected or failed", ["reason", "items"], reasons, of=1) if reasons else None,
    )


def _trainings(running: Sequence[Running]) -> Html:
    if not running:
        return _empty("No training runs on this machine with this lake.")
    return element("div", *[_training(one) for one in running], class_="cards")


def _training(one: Running) -> Html:
    silent = time.time() - one.renewed_at
    left = one.seconds_left
    words = f"step {one.step:,} of {one.steps:,}" if one.steps else "no step told yet"
    words += "" if left is None else f", {span(left)} left"
    words += f", silent for {span(silent)}" if silent > _SILENT_S else ""
    terms = sorted(one.curves, key=lambda term: ("2d" not in term, term))[:1]
    curves = [_spark(term, one.curves[term]) for term in terms]
    done = element("progress", max=max(one.steps, 1), value=one.step, aria_label=f"Training {one.name}")
    return element("article", element("h3", one.study or one.name), element("p", short(one.name, 24), class_="quiet"),
                   done, element("p", words), *curves)  # fmt: skip


def _spark(term: str, points: Sequence[tuple[float, float]]) -> Html:
    """A loss term against the step: 240 by 60 px, with its first and last value."""
    if len(points) < 2:
        return join()
    steps, values = zip(*points, strict=True)
    wide, high = (steps[-1] - steps[0]) or 1, (max(values) - min(values)) or 1
    line = " ".join(
        f"{236 * (x - steps[0]) / wide + 2:.1f},{56 - 52 * (y - min(values)) / high:.1f}" for x, y in points
    )
    words = f"{term}: {values[0]:.3g} at step {steps[0]:.0f}, {values[-1]:.3g} now"
    drawn = element("polyline", points=line, fill="none", stroke=COLOURS[0], stroke_width=2)
    return join(element("svg", drawn, viewBox="0 0 240 60", width=240, height=60, role="img", aria_label=words),
                element("p", words, class_="quiet"))  # fmt: skip


def cellwise(lake: Lake) -> list[Cellwise]:
    """The cells of every study that have a score, from narrow columns."""
    rows = lake.read("scores", ["study", "variant", "hours", "seed"], pc.field("sequence") == MACRO)
    unique = rows.group_by(["study", "variant", "hours", "seed"]).aggregate([]).to_pylist()
    series: dict[tuple[str, str], dict[float, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in unique:
        if row["variant"] not in NOT_SHOWN:
            series[row["study"] or "", row["variant"]][row["hours"]].append(row["seed"])
    return [
        Cellwise(study, variant, {hours: sorted(seeds) for hours, seeds in sorted(cells.items())})
        for (study, variant), cells in sorted(series.items())
        if len(cells) > 1
    ]


def answer_of(lake: Lake) -> str:
    """Sentence and cards of the newest study, as markup; nothing where none has a curve."""
    rows = lake.read("scores", None, pc.field("sequence") == MACRO)
    rows = rows.filter(pc.is_finite(rows["hours"]))
    if not rows.num_rows:
        return ""
    runs = lake.read("runs").to_pylist()
    told = answers(LakeView(scores=of_one_snapshot(rows.to_pylist(), runs), runs=runs))
    if not told:
        return ""
    link = element("p", element("a", "Curves, comparisons and tables", href="/lake"))
    body = join(element("p", sentence(told[0]), class_="lead"), facts(cards(told[0])), link)
    return str(Panel("answer", "What the added video was worth so far", body).html())


def held(lake: Lake) -> list[tuple[str, str]]:
    """What the lake holds, as names and values."""
    seconds = lake.read("tracklets", ["seconds"])["seconds"]
    return [
        ("tracklets", f"{len(seconds):,}"),
        ("person-time", hours_text(float(pc.sum(seconds).as_py() or 0) / 3600)),
    ]


def _studies(studies: Sequence[Cellwise] | None) -> Html:
    if not studies:
        return _empty("No study has a curve in this lake yet.")
    parts = []
    for one in studies:
        seeds = sorted({seed for found in one.seeds.values() for seed in found})
        rows: list[Cells] = [
            (hours_text(hours), f"{len(found)} of {len(seeds)}", " ".join("■" if s in found else "□" for s in seeds))
            for hours, found in one.seeds.items()
        ]
        name = f"{one.study or 'without a name'}: {one.variant}"
        parts.append(table(name, ["added film", "seeds scored", "filled"], rows))
    return element("div", *parts, class_="cards")


def _errors(glance: Glance | None) -> Html:
    if glance is None or not glance.failures:
        return _empty("None of the newest tries failed.")
    rows: list[Cells] = [
        (
            when(datetime.fromtimestamp(one.at, UTC)),
            one.reason,
            one.error,
            one.address,
            element("code", short(one.item)),
            one.attempt,
        )
        for one in glance.failures
    ]
    return table("Tries that failed, newest first", ["when (UTC)", "reason", "error", "source", "item", "try"], rows)


def _workers(glance: Glance | None) -> Html:
    if glance is None or not glance.workers:
        return _empty("No worker is known.")
    rows: list[Cells] = [
        (one.name, one.holds, span(one.running_s), span(one.lease_s) if one.lease_s > 0 else "ended: it is dead")
        for one in glance.workers
    ]
    return table("Workers that beat", ["worker", "items held", "running for", "lease ends in"], rows)


def _hosts(moment: Moment) -> Html:
    budgets = {host.name: host for host in moment.glance.hosts} if moment.glance else {}
    by_host = moment.counts.by_host if moment.counts else {}
    names = sorted({*budgets, *by_host}, key=lambda name: (-sum(by_host.get(name, {}).values()), name))
    if not names:
        return _empty("No host was asked.")
    rows: list[Cells] = []
    for name in names[:_MOST_HOSTS]:
        states, host = by_host.get(name, {}), budgets.get(name)
        spent = "–" if host is None else f"{host.spent:,} of {host.per_day:,}" if host.per_day else f"{host.spent:,}"
        banned = "" if host is None or not host.banned_s else f"for {span(host.banned_s)}"
        rows.append((name, *[states.get(state, 0) for state in _STATES[:4]], spent, banned))
    heads = ["host", *_STATES[:4], "requests today", "banned"]
    return table("Hosts, the most items first", heads, rows, limit=_MOST_HOSTS, of=len(names))
