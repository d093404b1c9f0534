"""Small videos made by ffmpeg, a loopback server, and a backend that sees coloured rectangles as people."""

import http.server
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from body.ffmpeg import ffmpeg_program
from body.joints import KEYPOINTS_25
from harvest.config import HarvestConfig
from harvest.sources.expand import Source, expand
from harvest.video.decode import DecodeConfig, Video
from harvest.weights import files as weights
from harvest.weights.packages import WeightsError
from storage.atomic import file_sha256
from storage.schema import FILM_TRUTH


@pytest.fixture(scope="session")
def fetched(absent: Callable[[str], None]) -> Callable[[weights.Weights], Path]:
    """Path of one file of weights, fetched if it is not in the cache."""

    def get(wanted: weights.Weights) -> Path:
        try:
            return weights.fetch([wanted])[0]
        except WeightsError as error:
            absent(str(error))
            raise

    return get


@pytest.fixture(scope="session")
def embedded_weights(fetched: Callable[[weights.Weights], Path]) -> None:
    for wanted in (weights.NANODET, weights.BLAZEPOSE):
        fetched(wanted)


@pytest.fixture
def open_video() -> Callable[..., Video]:
    """A file opened with generous limits."""

    def opened(path: Path, **changes: object) -> Video:
        limits: dict[str, object] = {"max_pixels": 10**8, "max_seconds": 10**4} | changes
        return Video(path, path.name, DecodeConfig(), **limits)  # type: ignore[arg-type]

    return opened


COLOURS = ((230, 30, 30), (30, 230, 30), (30, 30, 230), (230, 230, 30))
"""One colour a person, on a dark ground."""


class RectangleBackend:
    """People are rectangles of pure colours; joints lie at fixed places of their rectangle. Reads pixels alone."""

    name = "rectangles"
    weights: dict[str, str] = {}  # noqa: RUF012
    joints = KEYPOINTS_25

    def __init__(self, miss: Callable[[int, int], bool] = lambda call, person: False) -> None:
        rng = np.random.default_rng(0)
        self._places_J2 = rng.uniform(0.05, 0.95, (25, 2))
        self._miss, self.detections = miss, 0
        self._seen: tuple[np.ndarray, list[np.ndarray | None]] | None = None

    def _boxes(self, frame: np.ndarray) -> "list[np.ndarray | None]":
        if self._seen is None or self._seen[0] is not frame:
            self._seen = (frame, [self._box(frame, colour) for colour in COLOURS])
        return self._seen[1]

    @staticmethod
    def _box(frame: np.ndarray, colour: tuple[int, int, int]) -> "np.ndarray | None":
        bright = frame > 140
        there = (bright == (np.array(colour) > 140)).all(axis=2)
        ys, xs = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
        return np.array([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1]) if there.sum() >= 12 else None

    def people(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        rows = []
        for frame in frames:
            call, self.detections = self.detections, self.detections + 1
            seen = [(i, box) for i, box in enumerate(self._boxes(frame)) if box is not None]
            kept = [np.append(box, 0.9) for i, box in seen if not self._miss(call, i)]
            rows.append(np.array(kept, np.float32).reshape(-1, 5))
        return rows

    def pose(
        self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray], expected: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        found = []
        for frame, boxes_P4 in zip(frames, boxes, strict=True):
            poses = [self._pose(frame, box) for box in boxes_P4]
            found.append(np.array(poses, np.float32).reshape(-1, 25, 3))
        return found

    def _pose(self, frame: np.ndarray, asked: np.ndarray) -> np.ndarray:
        best, area = None, 0.0
        for box in self._boxes(frame):
            if box is not None:
                overlap = np.clip(np.minimum(box[2:], asked[2:4]) - np.maximum(box[:2], asked[:2]), 0, None).prod()
                best, area = (box, overlap) if overlap > area else (best, area)
        if best is None:
            return np.zeros((25, 3), np.float32)
        # where somebody is says how they hold themselves: rigid joints would be a photograph
        bent_J2 = self._places_J2 + 0.05 * np.sin(np.arange(25)[:, None] * (1.0, 2.0) + best[:2].sum() / 25)
        xy = best[:2] + np.clip(bent_J2, 0.05, 0.95) * (best[2:] - best[:2])
        return np.column_stack([xy, np.full(25, 0.9)]).astype(np.float32)


class BoxPhi:
    """φ of a crop = its box and the mean colour of its pixels: wrong pixels or a wrong box show at once."""

    name, dim, weights = "box", 7, {}

    def features(
        self, frames: Sequence[np.ndarray], boxes_N4: np.ndarray, keypoints_N25x3: np.ndarray
    ) -> tuple[np.ndarray, None]:
        colours = [frame.reshape(-1, 3).mean(axis=0) for frame in frames]
        return np.concatenate([boxes_N4, np.array(colours)], axis=1).astype(np.float32), None


@pytest.fixture
def rectangles() -> type[RectangleBackend]:
    return RectangleBackend


@pytest.fixture
def box_phi() -> BoxPhi:
    return BoxPhi()


@pytest.fixture
def paint() -> Callable[..., np.ndarray]:
    """paint({person: (x, y)}, width, height): a frame with a 20 x 40 rectangle for each person; later ones in front."""

    def painted(people: dict[int, tuple[float, float]], width: int = 320, height: int = 240) -> np.ndarray:
        frame = np.full((height, width, 3), 40, np.uint8)
        for person, (x, y) in people.items():
            left, top = max(0, round(x)), max(0, round(y))
            frame[top : max(0, round(y) + 40), left : max(0, round(x) + 20)] = COLOURS[person]
        return frame

    return painted


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """film(frames, name, rate): painted frames as an MP4 in which colours survive."""

    def make(frames: Sequence[np.ndarray], name: str = "film.mp4", rate: str = "25") -> Path:
        height, width = frames[0].shape[:2]
        path = tmp_path / name
        reading = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate, "-i", "-"]
        command = [ffmpeg_program(), "-v", "error", "-y", *reading, "-pix_fmt", "yuv444p", "-crf", "10", str(path)]
        subprocess.run(command, input=b"".join(frame.tobytes() for frame in frames), check=True)
        return path

    return make


def write_truth(path: Path, places: list[list[tuple[float, float]]]) -> None:
    """FILM.truth.parquet of painted people, who stand at places[person][frame]."""
    shape = np.random.default_rng(1).uniform((2, 2), (18, 38), (25, 2))
    rows = []
    for person, at in enumerate(places):
        frames = len(at)
        keypoints = np.stack([np.column_stack([shape + xy, np.ones(25)]) for xy in at])
        wide = {"rotations": 216, "translation": 3, "keypoints_3d": 75}
        rows.append({
            "film_id": path.stem, "person_index": person, "video_sha256": file_sha256(path), "split": "unlabelled",
            "motion": "slide", "width": 320, "height": 240, "fps_num": 25, "fps_den": 1, "time_base_num": 1,
            "time_base_den": 12800, "pts": list(range(0, 512 * frames, 512)), "shot_index": [0] * frames,
            "present": [True] * frames, "focal": [300.0] * frames, "betas": [0.0] * 10,
            "keypoints_2d": keypoints.reshape(frames, 75).tolist(),
            **{name: np.zeros((frames, width)).tolist() for name, width in wide.items()},
        })  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, schema=FILM_TRUTH), path.with_suffix(".truth.parquet"))


@pytest.fixture
def films(film: Callable[..., Path], paint: Callable[..., np.ndarray], tmp_path: Path) -> Path:
    """A folder with a film of one walker, and one of two people of whom one is there for too short a time."""
    for name, seed in (("one.mp4", 0), ("two.mp4", 1)):
        at = [(20 + 3 * n, 90 + 8 * np.sin(n / 3) + 30 * seed) for n in range(45)]
        places = [at] if seed == 0 else [at, [(220 - 2 * n, 40 + n) for n in range(45)]]
        frames = [paint({i: where[n] for i, where in enumerate(places)}) for n in range(45)]
        write_truth(film(frames, name), places)
    return tmp_path


@pytest.fixture
def config(films: Path) -> HarvestConfig:
    return HarvestConfig(backend="truth", truth_films=films, phis=("keypoints",), workers=1, retry_failed=True)


@pytest.fixture
def served() -> Iterator[Callable[..., str]]:
    """served(handler class or folder, host="127.0.0.1"): base URL of a loopback server that lives for the test."""
    servers = []

    def serve(what: "Path | type[http.server.BaseHTTPRequestHandler]", host: str = "127.0.0.1") -> str:
        handler = what if isinstance(what, type) else _folder_handler(what)
        server = http.server.ThreadingHTTPServer((host, 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://{host}:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def _folder_handler(folder: Path) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None: ...

    return Handler


class BadSite(http.server.BaseHTTPRequestHandler):
    """Each path is one kind of trouble. `clip` is a small real video; `asked`: (time, host, path, range) a GET, and
    `heads`: time a HEAD."""

    protocol_version = "HTTP/1.1"
    clip = b""
    elsewhere = ""
    asked: ClassVar[list[tuple[float, str, str, str | None]]] = []
    heads: ClassVar[list[float]] = []

    def log_message(self, *args: object) -> None: ...

    def do_HEAD(self) -> None:
        self.heads.append(time.monotonic())
        self._say(200 if "robots" not in self.path else 404, b"", **{"Content-Type": "video/mp4"})

    def do_GET(self) -> None:
        host = str(self.server.server_address[0])
        self.times = sum((host, self.path) == (was, path) for _, was, path, _ in self.asked)
        self.asked.append((time.monotonic(), host, self.path, self.headers.get("Range")))
        name = self.path.strip("/").split("/")[0].split(".")[0]
        getattr(self, f"_{name}", self._missing)()

    def _say(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if length != -1:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
        self.close_connection = True

    def _video(self, body: bytes, length: int | None = None) -> None:
        self._say(200, body, length, **{"Content-Type": "video/mp4"})

    def _missing(self) -> None:
        self._say(404, b"not here")

    def _good(self) -> None:
        self._video(self.clip)

    def _limited(self) -> None:
        self._say(429, b"", **{"Retry-After": "5"})

    def _patience(self) -> None:
        """/patience/SECONDS/...: 429 at the first time, then the clip."""
        if self.times == 0:
            self._say(429, b"", **{"Retry-After": self.path.split("/")[2]})
        else:
            self._good()

    def _flaky(self) -> None:
        """Half of the clip to the look at it and to the first download, then whatever part is asked for."""
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        if self.times < 2:
            self._video(self.clip[: len(self.clip) // 2], len(self.clip))
        else:
            span = f"bytes {start}-{len(self.clip) - 1}/{len(self.clip)}"
            self._say(206, self.clip[start:], **{"Content-Type": "video/mp4", "Content-Range": span})

    def _forbidden(self) -> None:
        self._say(403, b"")

    def _reset(self) -> None:
        self._video(self.clip[: len(self.clip) // 2], len(self.clip))

    def _longer(self) -> None:
        self._video(self.clip, len(self.clip) + 1000)

    def _drip(self) -> None:
        self._video(b"", 10_000)
        with suppress(OSError):
            for _ in range(120):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.3)

    def _endless(self) -> None:
        self._video(b"", -1)
        with suppress(OSError):
            while True:
                self.wfile.write(bytes(65536))

    def _html(self) -> None:
        page = b"<html><title>../../pwn\x07</title><body>no video</body></html>"
        self._say(200, page, **{"Content-Type": "text/html"})

    def _titled(self) -> None:
        video = "<video><source src='/good/t.mp4' type='video/mp4'></video>"
        page = f"<html><title>../../pwn\x1b[31m\x07</title>{video}</html>"
        self._say(200, page.encode(), **{"Content-Type": "text/html"})

    def _pages(self) -> None:
        """A web page without end."""
        self._say(200, b"<html><title>x</title>", -1, **{"Content-Type": "text/html"})
        with suppress(OSError):
            while True:
                self.wfile.write(b" " * 65536)

    def _metadata(self) -> None:
        self._say(302, b"", Location="http://169.254.169.254/latest/clip.mp4")

    def _inside(self) -> None:
        self._say(302, b"", Location=self.elsewhere)

    def _feed(self) -> None:
        """/feed/COUNT.rss"""
        count = int(self.path.split("/")[2].split(".")[0])
        links = (f"http://127.0.0.1/v/{i}.mp4" for i in range(count))
        items = "".join(f"<item><title>{link[-9:]}</title><link>{link}</link></item>" for link in links)
        text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>all</title>{items}</channel></rss>'
        self._say(200, text.encode(), **{"Content-Type": "application/rss+xml"})


@pytest.fixture
def bad_site(clip: Callable[..., Path], served: Callable[..., str]) -> type[BadSite]:
    """The handler of a site that behaves badly, its memory of what was asked empty; `served` gives it an address."""
    BadSite.clip = clip("h264.mp4", "-c:v", "libx264").read_bytes()
    BadSite.elsewhere = served(BadSite, "127.0.0.9") + "/good/clip.mp4"
    BadSite.asked.clear()
    BadSite.heads.clear()
    return BadSite


@pytest.fixture
def site(served: Callable[..., str], bad_site: type[BadSite]) -> Callable[..., Source]:
    """site(path, host): the source for one path of a bad site on its own address."""

    def source(path: str, host: str = "127.0.0.1") -> Source:
        return expand([f"{served(bad_site, host)}/{path}"])[0]

    return source
