"""The pages over HTTP on this machine alone: what happens now, without reload; the lake's page; its labels to look at.

    /              the live page: its parts come over /changes as they change
    /lake          the same page that is exported, made anew when the lake has changed
    /labels        tracklets and rejects to look at (dashboard/gallery.py)

At rest nothing is read but the times of some files every two seconds. A look never comes sooner than a hundred times
what the last one took, so that a large ledger costs one per cent of a core too.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.gallery import Gallery
from dashboard.live import Moment, answer_of, cellwise, held, panels
from dashboard.markup import Html, filled
from dashboard.now import change_token, counts, glance, looked_into
from dashboard.page import SUBJECTS, policy, render, resource
from dashboard.view import read_view
from storage.errors import LakeError
from storage.lake import Lake
from storage.runs import running

_HOSTS = ("127.0.0.1", "localhost")
LOOK_EVERY_S = 2.0
_AGAIN_S = 30.0
"""Though nothing changes, leases end: a look is taken so often."""

_SHARE = 100.0
"""A look waits for so many times what the last one took."""

_SCRIPTS = ("tables.js", "live.js")


def _cost(work: Callable[[], None]) -> float:
    """CPU seconds that this process takes meanwhile."""
    began = time.process_time()
    work()
    return time.process_time() - began


class Watch:
    """The newest moment of a lake, and its page; both are read again only when something has changed."""

    def __init__(self, lake: Lake, title: str, about: str) -> None:
        self.lake, self.title, self.about = lake, title, about
        self.moment = Moment()
        self.problem = ""
        """Why the last look failed; empty where it did not."""
        self._token: Any = object()
        self._tables: Any = None
        self._due = self._counts_due = self._again = 0.0
        self._made: tuple[Moment, str, dict[str, str]] | None = None
        self._lock = threading.Lock()
        self._page: tuple[Any, str] | None = None
        self._page_lock = threading.Lock()

    def look(self) -> None:
        """Read what has changed since the last look, if a look is due."""
        with self._lock:
            now, token = time.monotonic(), change_token(self.lake.layout)
            unchanged = token is not None and token == self._token and now < self._again
            if now < self._due or unchanged:
                return
            self._again = now + _AGAIN_S
            try:
                self._due = now + max(LOOK_EVERY_S, _SHARE * _cost(self._glance))
                if now >= self._counts_due:
                    self._counts_due = now + _SHARE * _cost(self._count)
                    self._token = token
                self.problem = ""
            except LakeError as error:
                self.problem = str(error)
                self._due = now + LOOK_EVERY_S

    def _glance(self) -> None:
        """What costs little, however large the lake is."""
        with looked_into(self.lake.layout) as ledger:
            seen = glance(ledger) if ledger else None
        self.moment = replace(self.moment, glance=seen, running=running(self.lake.layout))

    def _count(self) -> None:
        """What reads whole columns."""
        with looked_into(self.lake.layout) as ledger:
            self.moment = replace(self.moment, counts=counts(ledger) if ledger else None)
        tables = self.lake.versions()
        if tables != self._tables:
            answer, totals = answer_of(self.lake), held(self.lake)
            self.moment = replace(self.moment, studies=cellwise(self.lake), answer=answer, totals=totals)
            self._tables = tables

    def parts(self) -> dict[str, str]:
        """Every part of the live page by its key, as markup."""
        moment, problem = self.moment, self.problem
        if self._made is None or self._made[0] is not moment or self._made[1] != problem:
            made = {panel.key: str(panel.html()) for panel in panels(moment)}
            told = str(filled("problem.html", problem=problem)) if problem else ""
            self._made = moment, problem, {"problem": told, "now": made.pop("now"), "answer": moment.answer, **made}
        return self._made[2]

    def page(self) -> str:
        """The lake's page. Raises LakeError."""
        with self._page_lock:
            token = change_token(self.lake.layout)
            if self._page is None or token is None or self._page[0] != token:
                self._page = token, render(read_view(self.lake), title=self.title, about=self.about)
            return self._page[1]


def application(lake: Lake, *, title: str, about: str = "all") -> ASGIApp:
    """The pages of one lake, behind the guards. KeyError for an unknown subject."""
    SUBJECTS[about]
    watch, gallery = Watch(lake, title, about), Gallery(lake)

    def live(_: Request) -> Response:
        scripts = [resource(name) for name in _SCRIPTS]
        body = filled("live.html", title=title, parts={key: Html(part) for key, part in watch.parts().items()},
                      css=Html(resource("page.css")), scripts=[Html(script) for script in scripts])  # fmt: skip
        rules = {"Content-Security-Policy": policy(scripts, served=True)}
        return HTMLResponse(body.encode(errors="replace"), headers=rules)

    async def changes(request: Request) -> Response:
        return StreamingResponse(_changes(watch, request), media_type="text/event-stream")

    def lake_page(_: Request) -> Response:
        try:
            return HTMLResponse(watch.page().encode(errors="replace"))
        except LakeError as error:
            return HTMLResponse(filled("problem.html", problem=str(error)).encode(errors="replace"), 500)

    routes = [Route("/", live), Route("/changes", changes), Route("/lake", lake_page), *gallery.routes(title)]
    return Guard(Starlette(routes=routes))


async def _changes(watch: Watch, request: Request) -> AsyncIterator[str]:
    """Server-sent events: every part that has changed, as JSON {key: markup}; a comment now and then, so that a
    connection whose other end is gone is noticed."""
    sent: dict[str, str] = {}
    silent = 0
    while not await request.is_disconnected():
        await run_in_threadpool(watch.look)
        parts = watch.parts()
        new = {key: part for key, part in parts.items() if sent.get(key) != part} if parts is not sent else {}
        sent, silent = parts, 0 if new else silent + 1
        if new:
            yield f"data: {json.dumps(new)}\n\n"
        elif silent % 10 == 0:
            yield ": still here\n\n"
        await asyncio.sleep(LOOK_EVERY_S)


class Guard:
    """Refuses what no page of ours asks: a foreign name for this machine in Host (a foreign site may not rebind its
    name to us), and what another site's page asks for; a link to us may be followed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        heads = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = heads.get(b"host", "").rsplit(":", 1)[0]
        followed = heads.get(b"sec-fetch-mode", "navigate") == "navigate"
        if host not in _HOSTS or (heads.get(b"sec-fetch-site") == "cross-site" and not followed):
            await Response("ask for 127.0.0.1", 403)(scope, receive, send)
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"], (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"),
                    (b"cross-origin-resource-policy", b"same-origin"), (b"referrer-policy", b"no-referrer"),
                    (b"x-frame-options", b"DENY"),
                ]  # fmt: skip
            await send(message)

        await self._app(scope, receive, guarded)


def serve(
    lake: Lake, *, title: str, about: str = "all", port: int = 8501, ready: Callable[[str], None] = print
) -> None:
    """Serve until Ctrl-C. `ready` is told the address. OSError where the port is taken."""
    with socket.create_server(("127.0.0.1", port)) as door:
        ready(f"http://127.0.0.1:{door.getsockname()[1]}/")
        make_server(application(lake, title=title, about=about)).run(sockets=[door])


def make_server(app: ASGIApp) -> uvicorn.Server:
    """A quiet server: the terminal is the user's. Pages that are open when it ends are let go."""
    return uvicorn.Server(
        uvicorn.Config(app, lifespan="off", log_level="critical", access_log=False, timeout_graceful_shutdown=1)
    )
