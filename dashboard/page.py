"""One self-contained HTML file about a lake: nothing is fetched, whatever opens it, wherever it lies."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from dashboard.markup import Html, Panel, element, filled
from dashboard.panels.answer import answer_panel
from dashboard.panels.curve import curve_panel
from dashboard.panels.harvest import cost_panel, funnel_panel, rejects_panel
from dashboard.panels.labels import labels_panel
from dashboard.panels.runs import learning_panel, runs_panel, versions_panel
from dashboard.panels.scores import baselines_panel, exposure_panel, scores_panel
from dashboard.panels.sources import sources_panel, survival_panel
from dashboard.panels.verdict import verdict_panel
from dashboard.panels.which_data import which_panel
from dashboard.panels.worst import worst_panel
from dashboard.view import LakeView, read_view
from storage.atomic import write_atomically
from storage.lake import Lake

Make = Callable[[LakeView], Panel]

_PANELS: tuple[Make, ...] = (
    curve_panel, verdict_panel, which_panel, scores_panel, baselines_panel, funnel_panel, rejects_panel, sources_panel,
    learning_panel, worst_panel, exposure_panel, versions_panel, survival_panel, cost_panel, runs_panel,
)  # fmt: skip

_HARVEST: tuple[Make, ...] = (funnel_panel, rejects_panel, sources_panel, cost_panel, versions_panel)

_LABELS: tuple[Make, ...] = (labels_panel, runs_panel)

SUBJECTS: Mapping[str, tuple[Make, ...]] = {"all": _PANELS, "harvest": _HARVEST, "labels": _LABELS}
"""What a page may be about."""

_CHART_SCRIPTS = ("vendor/d3.min.js", "vendor/plot.umd.min.js", "page.js", "compare.js")
"""Only where there is a chart: d3 and Observable Plot are 0.5 MB (docs/dependencies.md)."""

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """One PNG and what it shows. The caller makes sure that it shows a film of ours, or blurred heads."""

    png: bytes
    caption: str


@dataclass(frozen=True)
class Own:
    """What the caller adds to a page: sentences in place of the answer's own, a paragraph about the data, PNGs that the
    caller drew, and the commands to go on with, each with what it does."""

    lead: Sequence[str] = ()
    intro: str = ""
    pictures: Sequence[Picture] = ()
    next_commands: Sequence[tuple[str, str]] = ()


def export(
    lake: Lake, out: Path, *, title: str = "What the added video was worth", about: str = "all", own: Own | None = None
) -> Path:
    """Write the page about `lake` to `out`, atomically, and return that path.

    Reads only the lake, beside what the caller adds. `about` is one of SUBJECTS (KeyError for others). An empty or
    partly filled lake gives a page that says what is missing.
    """
    page = render(read_view(lake), title=title, about=about, own=own)
    write_atomically(out, page.encode(errors="replace"))  # a title from a terminal may hold half a character
    return Path(out)


def render(view: LakeView, *, title: str, about: str = "all", own: Own | None = None) -> str:
    """The page as text: the answer first where it is about all, then the list of its parts, then these."""
    own = own or Own()
    answer = answer_panel(view, own.lead) if about == "all" else None
    panels = [make(view) for make in SUBJECTS[about]]
    extra = [strip_panel(own.pictures)] if own.pictures else []
    extra += [_next_panel(own.next_commands)] if own.next_commands else []
    panels = [*extra, *panels]
    drawn = any('class="plot"' in panel.body for panel in panels)
    scripts = [resource(name) for name in (*(_CHART_SCRIPTS if drawn else ()), "tables.js", "players.js")]
    return filled("page.html", title=title, answer=answer, intro=own.intro, panels=panels, policy=policy(scripts),
                  css=Html(resource("page.css")), scripts=[Html(script) for script in scripts])  # fmt: skip


def _next_panel(commands: Sequence[tuple[str, str]]) -> Panel:
    """The commands to go on with, to be copied as they are."""
    steps = [element("li", element("p", words), element("pre", element("code", line))) for line, words in commands]
    return Panel("next", "What to do next", element("ol", *steps, class_="next"))


def policy(scripts: Sequence[str], *, served: bool = False) -> str:
    """Only our own scripts may run, whatever a title says, and nothing may be fetched; a page that is `served` may ask
    its own server."""
    hashes = " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts)
    rules = f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
    return f"{rules}; connect-src 'self'; form-action 'self'; frame-ancestors 'none'" if served else rules


def resource(name: str) -> str:
    """A file of this folder, as text."""
    return files("dashboard").joinpath(name).read_text(encoding="utf-8")


def strip_panel(pictures: Sequence[Picture]) -> Panel:
    """The pictures side by side, inside the page. ValueError names a picture that is no PNG."""
    if not pictures:
        body = element("p", "No pictures were given to this page.", class_="empty")
    else:
        body = element("div", *[_figure(picture) for picture in pictures], class_="strip")
    return Panel("strip", "Film frames: 2D tracklet and predicted body", body)


def _figure(picture: Picture) -> Html:
    if not picture.png.startswith(_PNG):
        raise ValueError(f"picture {picture.caption!r} is no PNG")
    source = "data:image/png;base64," + b64encode(picture.png).decode()
    image = element("img", src=source, alt=picture.caption, loading="lazy")
    return element("figure", image, element("figcaption", picture.caption))
