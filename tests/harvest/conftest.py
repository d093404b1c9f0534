"""Small videos made by ffmpeg, a loopback server, and a backend that sees coloured rectangles as people."""

import hashlib
import http.server
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from body.joints import KEYPOINTS_25
from body.mp4 import ffmpeg_program
from harvest.decode import DecodeConfig, Video


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """clip(name, *ffmpeg output options, rate=, seconds=, size=): a test pattern, made once a session."""
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str, *options: str, rate: str = "30", seconds: float = 1.0, size: str = "96x64") -> Path:
        # Tests of two files may ask for one name with other options: a folder for each recipe keeps them apart.
        recipe = hashlib.sha256(repr((options, rate, seconds, size)).encode()).hexdigest()[:12]
        path = folder / recipe / name
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            pattern = f"testsrc2=size={size}:rate={rate}:duration={seconds}"
            command = [ffmpeg_program(), "-v", "error", "-f", "lavfi", "-i", pattern, "-pix_fmt", "yuv420p"]
            subprocess.run([*command, *options, str(path)], check=True)
        return path

    return make


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

    def pose(self, frames: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> list[np.ndarray]:
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
        xy = best[:2] + self._places_J2 * (best[2:] - best[:2])
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
