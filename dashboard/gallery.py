"""Labels to look at: tracklets and rejects by source, tag, reason and score, each as a moving skeleton, with the
body in 3D where there is one, the measured values, and where it came from (`hmmr lake why`).

Drawn from keypoints alone: no pixel of a video is read or kept. A page of the gallery reads a table until it has enough
rows. Legend: T frames.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.compute as pc
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dashboard.charts import data_block
from dashboard.markup import Html, element, filled, number
from dashboard.now import looked_into
from dashboard.page import policy, resource
from dashboard.skeleton import BONES_LEFT, BONES_MIDDLE, BONES_RIGHT
from storage.errors import LakeError
from storage.labels.versions import newest_among
from storage.lake import Lake
from storage.why import why

PAGE = 24
"""Cards of one page of the gallery."""

MOST_FRAMES = 240
"""Of a motion that is sent; of a longer one the first."""

_SCRIPTS = ("gallery.js",)
_TRACKLET = ("tracklet_id", "source_id", "shot_index", "person_index", "n_frames", "seconds", "mean_score",
             "visible_joints", "median_diagonal_px", "bridged_share", "tags", "backend", "preset", "licence",
             "label_key", "committed_at")  # fmt: skip
_REJECT = ("source_id", "shot_index", "person_index", "first_frame", "last_frame", "n_frames", "stage", "reason",
           "measured", "threshold", "preset", "label_key", "keypoints")  # fmt: skip
_BODIES = (("labels3d", "keypoints_3d", "true 3D"), ("features", "zero_shot_3d", "2D network's own 3D"))
_BONES = [[*pair, side] for side, bones in enumerate((BONES_MIDDLE, BONES_LEFT, BONES_RIGHT)) for pair in bones]


@dataclass(frozen=True)
class Asked:
    """What the reader wants to see. Empty texts and None ask for nothing."""

    kind: str = "tracklets"
    source: str = ""
    """Part of a title, an address or a host, or the beginning of a source's id."""
    tag: str = ""
    reason: str = ""
    least: float | None = None
    most: float | None = None
    """Mean keypoint score of tracklets, measured value of rejects."""
    page: int = 0

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Asked":
        """From an address; what is no number counts as not asked."""
        words = {name: query.get(name, "").strip() for name in ("source", "tag", "reason")}
        kind = "rejects" if query.get("kind") == "rejects" else "tracklets"
        page = _number(query.get("page", ""))
        return cls(kind, **words, least=_number(query.get("least", "")), most=_number(query.get("most", "")),
                   page=int(min(max(page or 0, 0), 1e6)))  # fmt: skip

    def address(self) -> str:
        """The address that asks for this."""
        given = {name: value for name, value in vars(self).items() if value not in ("", None, 0)}
        return "/labels?" + urlencode(given)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class Card:
    """One tracklet or reject: a heading, names and values, and its motion: an address, or frames that are here."""

    title: str
    source: str
    facts: list[tuple[str, str]]
    motion: str
    frames: Html | None = None
    why: str = ""


class Gallery:
    """The gallery of one lake."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def routes(self, title: str) -> list[Route]:
        """Its pages: the gallery, a tracklet's motion, and where it came from."""

        def gallery(request: Request) -> Response:
            return self._page(title, Asked.of(request.query_params))

        def motion(request: Request) -> Response:
            return self._answer(lambda: JSONResponse(self.motion(request.path_params["name"])))

        def chain(request: Request) -> Response:
            return self._answer(lambda: HTMLResponse(nested(self.why(request.path_params["name"]))))

        return [Route("/labels", gallery), Route("/labels/motion/{name}", motion), Route("/labels/why/{name}", chain)]

    def _answer(self, make: Callable[[], Response]) -> Response:
        try:
            return make()
        except LakeError as error:
            return HTMLResponse(filled("problem.html", problem=str(error)).encode(errors="replace"), 404)

    def _page(self, title: str, asked: Asked) -> Response:
        try:
            cards, more = self.cards(asked)
            tags, reasons, problem = *self.choices(), ""
        except LakeError as error:
            cards, more, tags, reasons, problem = [], False, [], [], str(error)
        scripts = [resource(name) for name in _SCRIPTS]
        pages = [("Earlier", replace(asked, page=asked.page - 1).address())] if asked.page else []
        pages += [("More", replace(asked, page=asked.page + 1).address())] if more else []
        body = filled(
            "gallery.html", title=title, asked=asked, cards=cards, tags=tags, reasons=reasons, pages=pages,
            problem=problem, bones=data_block("bones", _BONES), css=Html(resource("page.css")),
            scripts=[Html(script) for script in scripts],
        )  # fmt: skip
        rules = {"Content-Security-Policy": policy(scripts, served=True)}
        return HTMLResponse(body.encode(errors="replace"), headers=rules)

    def choices(self) -> tuple[list[str], list[str]]:
        """The tags of videos, and the reasons of rejects, at most 500 of each."""
        tags = pc.unique(pc.list_flatten(self._lake.read("videos", ["tags"])["tags"]))
        reasons = pc.unique(self._lake.read("rejects", ["reason"])["reason"])
        return sorted(tags.to_pylist())[:500], sorted(reasons.to_pylist())[:500]

    def cards(self, asked: Asked) -> tuple[list[Card], bool]:
        """The cards of a page, and whether there are more. Raises LakeError."""
        where = self._where(asked)
        rows = self._first(asked, where, (asked.page + 1) * PAGE + 1)
        shown = rows.slice(asked.page * PAGE, PAGE)
        videos = self._videos(shown)
        newest = newest_among(videos) if videos.num_rows else None
        current = newest.holds(shown).to_pylist() if newest else [True] * shown.num_rows
        names = {row["source_id"]: row["title"] or row["url"] or row["host"] for row in videos.to_pylist()}
        make = _tracklet if asked.kind == "tracklets" else _reject
        pairs = zip(shown.to_pylist(), current, strict=True)
        cards = [make(row, str(names.get(row["source_id"], "")), new) for row, new in pairs]
        return cards, rows.num_rows > (asked.page + 1) * PAGE

    def _where(self, asked: Asked) -> pc.Expression | None:
        column = "mean_score" if asked.kind == "tracklets" else "measured"
        parts = [] if asked.least is None else [pc.field(column) >= asked.least]
        parts += [] if asked.most is None else [pc.field(column) <= asked.most]
        if asked.kind == "rejects" and asked.reason:
            parts.append(pc.field("reason") == asked.reason)
        if asked.source or (asked.tag and asked.kind == "rejects"):
            parts.append(pc.field("source_id").isin(self._sources(asked)))
        where = None
        for part in parts:
            where = part if where is None else where & part
        return where

    def _sources(self, asked: Asked) -> pa.Array:
        """Ids of the videos that the reader means."""
        videos = self._lake.read("videos", ["source_id", "title", "url", "host", "tags"])
        wanted = pa.array([True] * videos.num_rows, pa.bool_())
        if asked.source:
            named = pc.starts_with(videos["source_id"], asked.source)
            for column in ("title", "url", "host"):
                found = pc.match_substring(videos[column], asked.source, ignore_case=True)
                named = pc.or_(named, pc.fill_null(found, False))
            wanted = pc.and_(wanted, named)
        if asked.tag and asked.kind == "rejects":
            wanted = pc.and_(wanted, _tagged(videos, asked.tag))
        return videos.filter(wanted)["source_id"].combine_chunks()

    def _first(self, asked: Asked, where: pc.Expression | None, count: int) -> pa.Table:
        """The first rows that are asked for. No expression looks into lists, so that tags are asked row by row."""
        columns = _TRACKLET if asked.kind == "tracklets" else _REJECT
        rows, chosen, found = self._lake.dataset(asked.kind), [], 0
        empty = self._lake.read(asked.kind, columns, pc.field("source_id") == "").slice(0, 0)
        for batch in rows.to_batches(columns=list(columns), filter=where, batch_size=4096) if rows is not None else ():
            table = pa.Table.from_batches([batch])
            if asked.tag and asked.kind == "tracklets":
                table = table.filter(_tagged(table, asked.tag))
            chosen.append(table.slice(0, count - found))
            found += chosen[-1].num_rows
            if found >= count:
                break
        return pa.concat_tables([empty, *[table.cast(empty.schema) for table in chosen]])

    def _videos(self, shown: pa.Table) -> pa.Table:
        among = pc.field("source_id").isin(pc.unique(shown["source_id"]))
        return self._lake.read("videos", ["source_id", "title", "url", "host", "label_key", "committed_at"], among)

    def motion(self, tracklet_id: str) -> dict[str, Any]:
        """{"fps", "flat": T rows of 75 px numbers, "body": T rows of 75 m numbers or null, "body_of": what it is}.
        LakeError where there is no such tracklet."""
        mine = pc.field("tracklet_id") == tracklet_id
        rows = self._lake.read("tracklets", ["fps_num", "fps_den", "keypoints"], mine).to_pylist()
        if not rows:
            raise LakeError(f"{tracklet_id}: no such tracklet")
        body, body_of = self._body(mine)
        fps = rows[0]["fps_num"] / max(rows[0]["fps_den"], 1)
        return {"fps": fps, "flat": _frames(rows[0]["keypoints"], 1), "body": _frames(body, 3), "body_of": body_of}

    def _body(self, mine: pc.Expression) -> tuple[list[list[float]] | None, str]:
        """The true body where there is one, else the 2D network's own."""
        for table, column, words in _BODIES:
            rows = self._lake.read(table, [column], mine & pc.field(column).is_valid()).to_pylist()
            if rows:
                return rows[0][column], words
        return None, ""

    def why(self, tracklet_id: str) -> dict[str, Any]:
        """What `hmmr lake why` says of it. LakeError where there is no such tracklet."""
        with looked_into(self._lake.layout) as ledger:
            return why(self._lake, tracklet_id, ledger)


def _tagged(rows: pa.Table, tag: str) -> pa.Array:
    return pa.array([tag in (tags or ()) for tags in rows["tags"].to_pylist()], pa.bool_())


def _frames(rows: Any, digits: int) -> list[list[float | None]] | None:
    """Rounded, None for what is no finite number; at most MOST_FRAMES."""
    if rows is None:
        return None
    return [
        [round(float(value), digits) if value is not None and math.isfinite(value) else None for value in row]
        for row in rows[:MOST_FRAMES]
    ]


def _tracklet(row: Mapping[str, Any], source: str, new: bool) -> Card:
    bridged = "–" if row["bridged_share"] is None else f"{100 * row['bridged_share']:.0f} %"
    values = [
        ("frames", f"{row['n_frames']:,}"),
        ("seconds", number(row["seconds"])),
        ("mean score", number(row["mean_score"])),
        ("joints seen", number(row["visible_joints"])),
        ("diagonal, px", number(row["median_diagonal_px"])),
        ("bridged", bridged),
        ("tags", ", ".join(row["tags"]) or "–"),
        ("labels", f"{row['backend']}, {row['preset']}{'' if new else ', older'}"),
        ("licence", row["licence"]),
    ]
    where = f"shot {row['shot_index']}, person {row['person_index']}"
    return Card(where, source, values, f"/labels/motion/{row['tracklet_id']}", why=row["tracklet_id"])


def _reject(row: Mapping[str, Any], source: str, new: bool) -> Card:
    values = [
        ("stage", row["stage"]), ("measured", "–" if row["measured"] is None else number(row["measured"])),
        ("threshold", "–" if row["threshold"] is None else number(row["threshold"])),
        ("frames", f"{row['first_frame']:,} to {row['last_frame']:,}"),
        ("labels", f"{row['preset']}{'' if new else ', older'}"),
    ]  # fmt: skip
    frames = element("span", data_frames=_json(_frames(row["keypoints"], 1))) if row["keypoints"] else None
    return Card(f"rejected: {row['reason']}", source, values, "", frames)


def _json(frames: Any) -> str:
    return json.dumps({"fps": 2, "flat": frames, "body": None, "body_of": ""})


def nested(value: Any) -> Html:
    """A JSON value as lists of names and values."""
    if isinstance(value, Mapping):
        pairs = [element("div", element("dt", key), element("dd", nested(inner))) for key, inner in value.items()]
        return element("dl", *pairs, class_="nested")
    if isinstance(value, list):
        return element("ol", *[element("li", nested(inner)) for inner in value]) if value else element("span", "none")
    return element("span", "–" if value is None else str(value))
