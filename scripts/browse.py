"""A page in a real headless Chromium, driven over its DevTools port: screenshots, and what the page did wrong.

    python scripts/browse.py out/quickstart/report.html shot.png --width 400

Only `websockets` is needed, which Prefect brings.
"""

import argparse
import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
          "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
          "--hide-scrollbars")  # fmt: skip
_START_S = 40.0


class Browser:
    """One tab. `errors` are console errors and exceptions, `requests` every address asked for, since `open`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last = 0
        self.errors: list[str] = []
        self.requests: list[str] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol; events that arrive meanwhile are noted."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=120))
            if message.get("id") == self._last:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return dict(message["result"])
            self._note(message)

    def open(self, url: str, width: int = 1200, height: int = 900, *, dark: bool = False) -> None:
        """Load an address at a window size and a colour scheme, and wait until it and its charts are there."""
        self.errors.clear()
        self.requests.clear()
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)  # fmt: skip
        wanted = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[wanted])
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete' && "
                      "[...document.querySelectorAll('.plot')].every((p) => p.dataset.drawn)")  # fmt: skip

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, as JSON."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return answer["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 120.0) -> None:
        """Wait until the expression is true; TimeoutError says which."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.evaluate(expression):
                return
            if self.errors:
                break
            time.sleep(0.1)
        raise TimeoutError(f"never true in the page: {expression}; errors so far: {self.errors}")

    def press(self, key: str) -> None:
        """A key, as the keyboard gives it."""
        codes = {"Tab": 9, "Enter": 13, "ArrowDown": 40, "ArrowRight": 39, "Space": 32}
        text = {"Enter": "\r", "Space": " "}.get(key)
        common = {"key": " " if key == "Space" else key, "code": key, "windowsVirtualKeyCode": codes[key]}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def screenshot(self, out: Path, *, height: int | None = None) -> None:
        """The page's first `height` px as a PNG; the whole page, as long as it is, where none is given."""
        height = height or min(int(self.evaluate("document.documentElement.scrollHeight")), 15000)
        width = int(self.evaluate("window.innerWidth"))
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        out.write_bytes(base64.b64decode(answer["data"]))

    def _note(self, message: dict[str, Any]) -> None:
        kind, found = message.get("method"), message.get("params", {})
        if kind == "Runtime.exceptionThrown":
            self.errors.append(str(found["exceptionDetails"]))
        elif kind == "Log.entryAdded" and found["entry"]["level"] == "error":
            self.errors.append(str(found["entry"]["text"]))
        elif kind == "Runtime.consoleAPICalled" and found["type"] in ("error", "assert"):
            self.errors.append(str(found["args"]))
        elif kind == "Network.requestWillBeSent":
            self.requests.append(str(found["request"]["url"]))


@contextmanager
def browser(program: str | None = None) -> Iterator[Browser]:
    """A fresh Chromium with an empty profile; FileNotFoundError where none is installed."""
    path = program or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise FileNotFoundError("no chromium on PATH; on Debian: apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [path, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with connect(_tab(Path(profile)), max_size=None) as socket:
                yield Browser(socket)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _tab(profile: Path) -> str:
    end = time.monotonic() + _START_S
    chosen = profile / "DevToolsActivePort"
    while time.monotonic() < end:
        if chosen.exists() and chosen.read_text().strip():
            port = chosen.read_text().split()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
                tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
            if tabs:
                return str(tabs[0]["webSocketDebuggerUrl"])
        time.sleep(0.1)
    raise TimeoutError(f"Chromium did not open its DevTools port within {_START_S:.0f} s")


def main() -> None:
    """Take one screenshot and print what went wrong in the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=1200)
    parser.add_argument("--height", type=int, help="only the first so many px")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    with browser() as tab:
        tab.open(options.page.resolve().as_uri(), width=options.width, dark=options.dark)
        tab.screenshot(options.out, height=options.height)
        print(f"{options.out}: errors {tab.errors}, requests {len(tab.requests)}")


if __name__ == "__main__":
    main()
