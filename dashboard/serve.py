"""The page over HTTP on this machine alone, made anew for each reload."""

from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dashboard.page import render
from dashboard.view import read_view
from storage.errors import LakeError
from storage.lake import Lake

_HOSTS = ("127.0.0.1", "localhost")


def serve(
    lake: Lake, *, title: str, about: str = "all", port: int = 8501, ready: Callable[[str], None] = print
) -> None:
    """Serve until Ctrl-C. `ready` is told the address. OSError where the port is taken."""
    with make_server(lake, title=title, about=about, port=port) as server:
        ready(f"http://127.0.0.1:{server.server_port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def make_server(lake: Lake, *, title: str, port: int, about: str = "all") -> ThreadingHTTPServer:
    """A server bound to loopback; it answers GET / and nothing else."""

    class Page(BaseHTTPRequestHandler):
        """One request. A name other than ours in Host is refused: a foreign site may not rebind its name to us."""

        def do_GET(self) -> None:
            """The page, or an error."""
            host = (self.headers.get("Host") or "").rsplit(":", 1)[0]
            if host not in _HOSTS:
                self.send_error(HTTPStatus.FORBIDDEN, "ask for 127.0.0.1")
            elif self.path.split("?")[0] != "/":
                self.send_error(HTTPStatus.NOT_FOUND)
            else:
                self._answer()

        def _answer(self) -> None:
            try:
                page = render(read_view(lake), title=title, about=about)
            except LakeError as error:
                self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, explain=str(error))
            else:
                self._page(page.encode(errors="replace"))

        def _page(self, content: bytes) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: the terminal is the user's."""

    return ThreadingHTTPServer(("127.0.0.1", port), Page)
