"""A folder served by HTTP on loopback, so that the quickstart harvests films by URL like any Internet video."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Requests are the harvest's business, not the terminal's."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up early, as a probe for the file's type does, is no trouble of ours."""


@contextlib.contextmanager
def serve_folder(folder: Path, port_file: Path) -> Iterator[str]:
    """Serve `folder` on 127.0.0.1 while the context lives; yields the base URL, without a closing slash.

    The port is drawn once and kept in `port_file`: a URL is an item's identity in the ledger, so a run that goes on
    where it was must serve the same URLs. Raises OSError with the way out when that port has been taken since.
    """
    port = int(port_file.read_text()) if port_file.exists() else 0
    handler = partial(_Quiet, directory=str(folder))
    try:
        server = _Server(("127.0.0.1", port), handler)
    except OSError as error:
        raise OSError(
            f"port {port}, which this run's URLs name, is taken; free it or remove {port_file.parent} to start afresh"
        ) from error
    port_file.write_text(str(server.server_port))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
