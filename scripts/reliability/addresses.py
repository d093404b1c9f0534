"""Hostile addresses, asked for and redirected to, where nothing but loopback can be reached; and licence wordings.

A server on loopback listens on ports 80, 8000 and the redirecting site's own; it notes whoever comes. In a network
namespace without routes no address of the table can answer but loopback's.
"""

import ctypes
import http.server
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from forks import in_fork

from harvest.config import HarvestConfig
from harvest.fetch.download import DownloadConfig
from harvest.fetch.licences import classify_licence
from harvest.fetch.pace import PaceConfig
from harvest.fetch.policy import Policy
from harvest.run import harvest as run_harvest
from storage.lake import Lake

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
_CLONE_NEWNET = 0x40000000

_V4 = (
    "127.0.0.1", "127.0.0.2", "127.1", "127.255.255.254", "0.0.0.0", "0", "10.0.0.1", "10.255.255.255", "172.16.0.1",
    "172.31.255.254", "192.168.0.1", "192.168.1.254", "169.254.169.254", "169.254.170.2", "169.254.0.1", "100.64.0.1",
    "100.100.100.200", "192.0.0.192", "192.0.0.9", "168.63.129.16", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1",
)  # fmt: skip
_SPELLED = (
    "2130706433", "017700000001", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.1", "127.0x0.0.1", "00127.0.0.1",
    "3232235777", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.16689662", "10.1", "0xa.0.0.1", "1.0x7f",
    "127.0.0.1.", "①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1",
)  # fmt: skip
_V6 = (
    "::1", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::", "fe80::1",
    "fe80::1%25eth0", "fec0::1", "fc00::1", "fd00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "100::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001",
)  # fmt: skip
_NAMES = ("localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "ip6-localhost", "ip6-loopback",
          "metadata.google.internal", "metadata", "instance-data", "kubernetes.default.svc", "router.local",
          "host.docker.internal", "xn--", "a..b", "-", "x" * 300 + ".test", "%31%32%37.0.0.1",
          "127.0.0.1%00.test")  # fmt: skip
_PORTS = ("22", "25", "6379", "9200", "2375", "5432", "11211", "65535", "0", "65536", "-1", "80a")
_SCHEMES = (
    "file:///etc/passwd", "file://localhost/etc/passwd", "FILE:///etc/passwd", "ftp://127.0.0.1/a.mp4",
    "gopher://127.0.0.1:6379/_x", "rtmp://127.0.0.1/live", "rtsp://127.0.0.1/a", "data:video/mp4;base64,AAAA",
    "javascript:alert(1)", "concat:/etc/passwd|/etc/hosts", "pipe:0", "fd:0", "tcp://127.0.0.1:80", "udp://127.0.0.1:80",
    "crypto:file:///etc/passwd", "subfile,,start,0,end,9,,:/etc/passwd", "unix:/run/docker.sock", "dict://127.0.0.1:80/x",
    "ldap://127.0.0.1/x", "smb://127.0.0.1/x", "jar:http://127.0.0.1!/x", "view-source:http://127.0.0.1/",
    "http:127.0.0.1",
    "http:///127.0.0.1/a.mp4", "http:\\\\127.0.0.1\\a.mp4", "//127.0.0.1/a.mp4", "http://", "https://", "http://@/",
    "bluray:/dev", "cache:file:///etc/passwd", "hls+file:///etc/passwd", "async:file:///etc/passwd", "mmsh://127.0.0.1/x",
)  # fmt: skip
_TRICKS = tuple(
    form.replace("HOST", host)
    for host in ("127.0.0.1", "169.254.169.254", "[::1]")
    for form in ("http://HOST#@films.test/a.mp4", "http://films.test@HOST/a.mp4", "http://films.test:80@HOST/a.mp4",
                 "http://HOST\\@films.test/a.mp4", "http://HOST?@films.test/a.mp4", "http://films.test%40HOST/a.mp4",
                 "http://HOST%2f@films.test/a.mp4", "http:// HOST/a.mp4", "http://HOST\t/a.mp4", "http://HOST;x/a.mp4",
                 "https://HOST/a.mp4", "http://HOST:443/a.mp4", "HTTP://HOST/A.MP4")
)  # fmt: skip


def addresses() -> list[str]:
    """All of them, each once."""
    made = [f"http://{host}/a.mp4" for host in (*_V4, *_SPELLED, *_NAMES)]
    made += [f"http://[{host}]/a.mp4" for host in _V6]
    made += [f"http://{host}:{port}/a.mp4" for host in ("127.0.0.1", "localhost", "[::1]") for port in _PORTS]
    made += [f"http://{host}:8000/latest/meta-data/" for host in (*_V4[:16], *_SPELLED[:12])]
    return list(dict.fromkeys([*made, *_SCHEMES, *_TRICKS]))


class _Site(http.server.BaseHTTPRequestHandler):
    """Redirects /to/NUMBER to that address, in one of several ways; notes every request for anything else."""

    targets: tuple[str, ...] = ()
    heard: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        if not self.path.startswith("/to/") or self.headers.get("Host", "").split(":")[0] != "127.0.0.77":
            if self.path != "/robots.txt":
                self.heard.append(f"{self.headers.get('Host')} {self.path}")
            self.send_error(404)
            return
        number = int(self.path.split("/")[2].split(".")[0])
        target = self.targets[number]
        if number % 3 == 2:
            page = f"<html><video src='{target}'></video><iframe src='{target}'></iframe></html>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
            return
        self.send_response(302 if number % 3 else 307)
        self.send_header("Location", target.encode("ascii", "replace").decode().replace("\n", "").replace("\t", ""))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *args: Any) -> None:
        """Silent."""


class _Server6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def _alone() -> None:
    """This process in a network namespace of its own, loopback up."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise SystemExit("no network namespace here: hostile addresses are tried nowhere else")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def _listen(targets: Sequence[str]) -> None:
    _Site.targets = tuple(targets)
    places = [(http.server.ThreadingHTTPServer, "0.0.0.0", port) for port in (80, 8000, 8077, 443, 22, 6379)]
    places += [(_Server6, "::1", port) for port in (80, 8000)]
    for kind, host, port in places:
        threading.Thread(target=kind((host, port), _Site).serve_forever, daemon=True).start()


def _try_all(trials: Sequence[int], lake: Path, redirected: bool) -> list[Row]:
    _alone()
    table = addresses()
    _listen(table)
    urls = [f"http://127.0.0.77:8077/to/{trial}.mp4" if redirected else table[trial] for trial in trials]
    config = HarvestConfig(
        policy=Policy(licence="open", allow_private=redirected), workers=1, retry_failed=True,
        download=DownloadConfig(socket_timeout_s=2, retries=0, max_wall_s=15),
        pace=PaceConfig(patience_s=0.0, tries=1), backend="truth", truth_films=lake.parent, phis=("keypoints",),
    )  # fmt: skip
    begin = time.monotonic()
    report = run_harvest(urls, Lake(lake / str(trials[0])), config)
    seconds = (time.monotonic() - begin) / len(trials)
    ends = {trouble.name: f"{trouble.state}: {trouble.reason}" for trouble in report.troubles}
    by_place = [ends.get(url, "") for url in urls]
    bad = f"{report.books.done} are done" if report.books.done else ""
    bad = f"a server on loopback heard {_Site.heard[:3]}" if _Site.heard else bad
    return [{"trial": trial, "what": table[trial][:120], "end": end or "another name for one before", "left": 0,
             "problem": bad, "seconds": round(seconds, 2)}
            for trial, end in zip(trials, by_place, strict=True)]  # fmt: skip


def asked_for(seed: int, trials: Sequence[int], out: Path) -> Iterator[Row]:
    """Each address as a source of its own."""
    yield from _in_parts(trials, out / "work" / "asked", False)


def redirected_to(seed: int, trials: Sequence[int], out: Path) -> Iterator[Row]:
    """Each address as what an allowed page redirects to, or has as its video."""
    yield from _in_parts(trials, out / "work" / "redirected", True)


def _in_parts(trials: Sequence[int], place: Path, redirected: bool) -> Iterator[Row]:
    for start in range(0, len(trials), 40):
        some = trials[start : start + 40]
        yield from in_fork(lambda some=some: _try_all(some, place, redirected), place / "rows.json")


def wordings(seed: int, trials: Sequence[int], out: Path) -> Iterator[Row]:
    """Each wording of the tests' table."""
    table = _wordings()
    for trial in trials:
        state, words = table[trial]
        found = classify_licence(words)
        problem = "" if found == state else f"{words!r} is {found}, not {state}"
        yield {"trial": trial, "what": words[:80], "end": state, "problem": problem}


def _wordings() -> list[tuple[str, str]]:
    lines = (ROOT / "tests" / "harvest" / "fetch" / "licence_wordings.txt").read_text().splitlines()
    return [(line.split("\t")[0], line.split("\t")[1]) for line in lines]


ADDRESSES, WORDINGS = len(addresses()), len(_wordings())
