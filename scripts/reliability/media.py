"""Damaged and hostile media files through the decoder, and folders of them through a whole harvest.

Each file ends in pictures or in a HarvestError that names the item; nothing else is read, nobody waits long, and the
memory stays bounded. A second file beside each, `secret.mp4`, is pure magenta: no picture may ever be.
"""

import random
import resource
import shutil
import struct
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from damage import BYTE_DAMAGES
from forks import in_fork

from body.ffmpeg import ffmpeg_program
from harvest.config import HarvestConfig
from harvest.errors import HarvestError
from harvest.run import harvest as run_harvest
from harvest.video.decode import DecodeConfig, Video
from storage.lake import Lake

Row = dict[str, Any]
FILES = 38
"""Files of each kind of damage."""
BOUND_S, BOUND_BYTES = 120.0, 1 << 30
"""A bad file may cost this much more than a good one."""
MAX_SECONDS, MAX_PIXELS = 60.0, 4096 * 2304

_SIZE = "96x64"
CLIPS: dict[str, list[str]] = {
    "mp4": ["-c:v", "libx264", "-g", "6"],
    "mov": ["-c:v", "mpeg4"],
    "mkv": ["-c:v", "libx264"],
    "webm": ["-c:v", "libvpx", "-b:v", "100k", "-deadline", "realtime"],
    "avi": ["-c:v", "mjpeg"],
    "ts": ["-c:v", "mpeg2video"],
    "mpg": ["-c:v", "mpeg1video", "-r", "25"],
    "flv": ["-c:v", "flv"],
    "gif": [],
    "y4m": ["-pix_fmt", "yuv420p"],
    "fmp4.mp4": ["-c:v", "libx264", "-movflags", "frag_keyframe+empty_moov"],
    "h264": ["-c:v", "libx264"],
}


def _ffmpeg(*arguments: str | Path, stdin: bytes | None = None) -> None:
    command = [ffmpeg_program(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL)


def make_clips(folder: Path) -> dict[str, bytes]:
    """A clip of 0.6 s in each container, by suffix; and the secret that nothing may show."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = {}
    for suffix, options in CLIPS.items():
        path = folder / f"clip.{suffix}"
        if not path.exists():
            source = f"testsrc2=size={_SIZE}:rate=25:duration=0.6"
            _ffmpeg("-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", *options, path)
        clips[suffix] = path.read_bytes()
    secret = folder / "secret.mp4"
    if not secret.exists():
        _ffmpeg("-f", "lavfi", "-i", f"color=magenta:size={_SIZE}:rate=25:duration=1", "-pix_fmt", "yuv420p", secret)
    return clips


Make = Callable[[Path, dict[str, bytes], random.Random], Path]
"""Writes one bad file into a folder beside `secret.mp4`; returns its path."""


def _by_bytes(damage: Callable[[bytes, random.Random], bytes]) -> Make:
    def make(folder: Path, clips: dict[str, bytes], rng: random.Random) -> Path:
        suffix = rng.choice(list(clips))
        path = folder / f"bad.{suffix}"
        path.write_bytes(damage(clips[suffix], rng))
        return path

    return make


def _pair(join: Callable[[bytes, bytes, random.Random], bytes]) -> Make:
    def make(folder: Path, clips: dict[str, bytes], rng: random.Random) -> Path:
        first, second = rng.sample(list(clips), 2)
        path = folder / f"bad.{first}"
        path.write_bytes(join(clips[first], clips[second], rng))
        return path

    return make


def _atoms(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """(place, size) of each box of an MP4, also inside of boxes."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8 or start + size > end:
            return
        yield start, size
        if data[start + 4 : start + 8] in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf"):
            yield from _atoms(data, start + 8, start + size)
        start += size


def _mp4(change: Callable[[bytes, int, int, random.Random], bytes]) -> Make:
    def make(folder: Path, clips: dict[str, bytes], rng: random.Random) -> Path:
        data = clips[rng.choice(("mp4", "mov", "fmp4.mp4"))]
        at, size = rng.choice(list(_atoms(data)))
        path = folder / "bad.mp4"
        path.write_bytes(change(data, at, size, rng))
        return path

    return make


def _box_size(data: bytes, at: int, size: int, rng: random.Random) -> bytes:
    wrong = rng.choice((0, 1, 7, 8, size - 1, size + 1, 2 * size, 0x7FFFFFFF, 0xFFFFFFFF))
    return data[:at] + struct.pack(">I", wrong) + data[at + 4 :]


def _box_deep(data: bytes, at: int, size: int, rng: random.Random) -> bytes:
    inner = data[at : at + size]
    for _ in range(rng.choice((50, 2000))):
        inner = struct.pack(">I", len(inner) + 8) + rng.choice((b"moov", b"trak", b"mdia")) + inner[:100_000]
    return data[:at] + inner + data[at + size :]


def _box_counts(data: bytes, at: int, size: int, rng: random.Random) -> bytes:
    place = at + 8 + 4 * rng.randrange(1, max(2, min(6, size // 4)))
    return data[:place] + struct.pack(">I", rng.choice((0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 1 << 24))) + data[place + 4 :]


def _made_by(suffix: str, *choices: Sequence[str]) -> Make:
    """A file that ffmpeg itself writes, by one of several lists of options; strange, and often whole."""

    def make(folder: Path, clips: dict[str, bytes], rng: random.Random) -> Path:
        source = folder / "source.mp4"
        source.write_bytes(clips["mp4"])
        path = folder / f"bad.{suffix}"
        words = [word.replace("SEED", str(rng.randrange(1, 9))) for word in rng.choice(choices)]
        _ffmpeg("-i", source, *words, path)
        source.unlink()
        data = path.read_bytes()
        if len(data) > 1 and rng.random() < 0.5:
            path.write_bytes(rng.choice(BYTE_DAMAGES[:15])(data, rng))
        return path

    return make


def _list_file(suffix: str, *texts: str) -> Make:
    """A file that names another one; the decoder must read neither it nor the network."""

    def make(folder: Path, clips: dict[str, bytes], rng: random.Random) -> Path:
        there = rng.choice(("secret.mp4", str(folder / "secret.mp4"), f"file:{folder}/secret.mp4", "../secret.mp4"))
        path = folder / f"bad.{rng.choice((suffix, 'mp4', 'mkv', 'ts'))}"
        path.write_text(rng.choice(texts).replace("PLACE", there))
        return path

    return make


def _png(folder: Path, clips: dict[str, bytes], rng: random.Random) -> Path:
    """A picture whose header promises a gigapixel."""
    side = rng.choice((30_000, 65_535, 2_000_000_000))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = b"".join(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
                      for kind, body in ((b"IHDR", head), (b"acTL", struct.pack(">II", 5, 0)),
                                         (b"IDAT", zlib.compress(bytes(5_000_000))), (b"IEND", b"")))  # fmt: skip
    path = folder / f"bad.{rng.choice(('png', 'apng', 'mp4'))}"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def _y4m(folder: Path, clips: dict[str, bytes], rng: random.Random) -> Path:
    """Raw pictures that are tiny and many, or huge, or of no size."""
    size = rng.choice(("W1 H1", "W60000 H60000", "W0 H0", "W-5 H7", "W2147483647 H1", "W16 H16"))
    rate = rng.choice(("F25:1", "F0:0", "F1:0", "F2147483647:1", "F1:2147483647"))
    frames = b"FRAME\n\x10\x80\x80" * rng.choice((1, 1000, 200_000))
    path = folder / "bad.y4m"
    path.write_bytes(f"YUV4MPEG2 {size} {rate} Ip A1:1 C420jpeg\n".encode() + frames)
    return path


def _gif(folder: Path, clips: dict[str, bytes], rng: random.Random) -> Path:
    """A GIF whose screen is far larger than its data."""
    side = rng.choice((5000, 20_000, 65_535))
    path = folder / "bad.gif"
    path.write_bytes(clips["gif"][:6] + struct.pack("<HH", side, side) + clips["gif"][10:])
    return path


def _compressed(folder: Path, clips: dict[str, bytes], rng: random.Random) -> Path:
    """A whole video inside of a compressed file."""
    import bz2
    import gzip
    import lzma

    path = folder / "bad.mp4"
    path.write_bytes(rng.choice((gzip.compress, bz2.compress, lzma.compress))(clips[rng.choice(list(clips))]))
    return path


def _no_file(folder: Path, clips: dict[str, bytes], rng: random.Random) -> Path:
    """A folder, a link into nothing, a link to a device or to this machine's passwords."""
    path = folder / "bad.mp4"
    target = rng.choice(("folder", "gone", "/dev/zero", "/etc/passwd", "/dev/null", "bad.mp4"))
    if target == "folder":
        path.mkdir()
    else:
        path.symlink_to(target)
    return path


_HLS = ("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nPLACE\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nPLACE\n",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nPLACE\n")  # fmt: skip
_CONCAT = ("ffconcat version 1.0\nfile 'PLACE'\n", "ffconcat version 1.0\n" + "file 'PLACE'\nduration 999\n" * 400)
_DASH = ('<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
         "<BaseURL>PLACE</BaseURL>"
         '<AdaptationSet><Representation id="1" mimeType="video/mp4"/></AdaptationSet></Period></MPD>',)  # fmt: skip
_SDP = ("v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",)
_SVG = ('<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink"><image x:href="PLACE"/></svg>',)
_TEXT = ("<html><video src='PLACE'></video></html>", "RIFF\x10\0\0\0AVI LIST PLACE", "-i PLACE out.mp4", "PLACE\n" * 99)
_IMF = ('<?xml version="1.0"?><AssetMap xmlns="http://www.smpte-ra.org/schemas/429-9/2007/AM"><AssetList><Asset>'
        "<Id>urn:uuid:1</Id><ChunkList><Chunk><Path>PLACE</Path></Chunk></ChunkList></Asset></AssetList>"
        "</AssetMap>",)  # fmt: skip

BOXES = (b"moov", b"free", b"stsd", b"uuid", b"\0\0\0\0", b"mdat", b"trak")

_EACH_FRAME = ("-fps_mode", "passthrough")

KINDS: dict[str, Make] = {
    **{damage.__name__.replace("_", " "): _by_bytes(damage) for damage in BYTE_DAMAGES},
    "two containers joined": _pair(lambda a, b, rng: a + b),
    "head of one and tail of another": _pair(lambda a, b, rng: a[: rng.randrange(len(a))] + b[rng.randrange(len(b)) :]),
    "one inside of another": _pair(lambda a, b, rng: a[: len(a) // 2] + b + a[len(a) // 2 :]),
    "suffix of another": _pair(lambda a, b, rng: b),
    "MP4 box of a wrong size": _mp4(_box_size),
    "MP4 box of another type": _mp4(lambda d, at, size, rng: d[: at + 4] + rng.choice(BOXES) + d[at + 8 :]),
    "MP4 box missing": _mp4(lambda d, at, size, rng: d[:at] + d[at + size :]),
    "MP4 box twice": _mp4(lambda d, at, size, rng: d[:at] + d[at : at + size] * rng.choice((2, 50)) + d[at + size :]),
    "MP4 boxes nested deep": _mp4(_box_deep),
    "MP4 box with extreme counts": _mp4(_box_counts),
    "HLS list": _list_file("m3u8", *_HLS),
    "concat list": _list_file("ffconcat", *_CONCAT),
    "DASH manifest": _list_file("mpd", *_DASH),
    "SDP": _list_file("sdp", *_SDP),
    "SVG": _list_file("svg", *_SVG),
    "IMF asset map": _list_file("xml", *_IMF),
    "text and pages": _list_file("txt", *_TEXT),
    "picture of a gigapixel": _png,
    "raw pictures of strange sizes": _y4m,
    "GIF with a huge screen": _gif,
    "compressed file": _compressed,
    "no regular file": _no_file,
    "sound only": _made_by("wav", ["-vn", "-f", "lavfi", "-i", "sine=duration=1", "-map", "1:a"]),
    "odd sizes": _made_by("mkv", *[["-vf", f"scale={size},format=yuv444p", "-c:v", "ffv1"] for size in
                                   ("1:1", "3:5", "2:4000", "5000:2", "17:13")]),
    "strange rates": _made_by("mkv", *[["-vf", f"settb={base},setpts=N*{step}", "-c:v", "ffv1", *_EACH_FRAME]
                                       for base, step in (("1/1", "1"), ("1/1000000", "1"), ("1/90000", "900000000"))]),
    "times far away": _made_by("mp4", *[["-c", "copy", "-output_ts_offset", offset] for offset in
                                        ("90000", "-5", "2000000")]),
    "many streams": _made_by("mkv", ["-map", "0"] * 20 + ["-c", "copy"]),
    "hostile title": _made_by("mp4", *[["-c", "copy", "-metadata", f"title={title}"] for title in
                                       ("<script>x</script>", "../../x", "\x1b]0;x\x07", "%s%n$(id)", "x" * 60_000)]),
    "noise in packets": _made_by("mp4", ["-c", "copy", "-bsf:v", "noise=amount=SEED"], ["-c", "copy", "-bsf:v",
                                 "noise=amount=30"]),
    "packets lost": _made_by("ts", ["-c", "copy", "-bsf:v", "noise=drop=not(mod(n\\,SEED))"]),
    "strange pixel shape": _made_by("mkv", *[["-vf", f"setsar={shape}", "-c:v", "ffv1"] for shape in
                                             ("1/100", "100/1", "3/7")]),
    "encrypted": _made_by("mp4", ["-c", "copy", "-encryption_scheme", "cenc-aes-ctr", "-encryption_key",
                          "76a6c65c5ea762046bd749a2e632ccbb", "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8"]),
    "interlaced": _made_by("mpg", ["-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-vf", "setfield=tff"]),
}  # fmt: skip


def look(path: Path, secret_side: bool) -> dict[str, Any]:
    """Decode one file as the harvest does; what came of it, and what is wrong with that."""
    begin, problem, end = time.monotonic(), "", ""
    try:
        video = Video(path, "item 7", DecodeConfig(), max_pixels=MAX_PIXELS, max_seconds=MAX_SECONDS)
        count = 0
        for frame in video.frames():
            count += 1
            red, green, blue = frame.pixels_HW3.reshape(-1, 3).mean(axis=0)
            if secret_side and red > 200 and blue > 200 and green < 60:
                problem = "a picture of another file came out"
        end = f"{count} pictures"
    except HarvestError as error:
        end = type(error).__name__
        problem = "" if "item 7" in str(error) else f"the error does not name the item: {error}"
    except BaseException as error:
        end, problem = type(error).__name__, f"raw {type(error).__name__}: {error}"
    seconds = time.monotonic() - begin
    problem = problem or (f"took {seconds:.0f} s" if seconds > BOUND_S else "")
    return {"end": end, "seconds": round(seconds, 2), "problem": problem}


def _some(seed: int, kind: str, trials: Sequence[int], clips: dict[str, bytes], place: Path) -> dict[str, Any]:
    """In a fork: look at each file. Memory is that of the largest process of all."""
    rows = []
    for trial in trials:
        folder = place / str(trial)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(place.parent / "clips" / "secret.mp4", folder)
        path = KINDS[kind](folder, clips, random.Random(f"{seed}/{kind}/{trial}"))
        before = set(folder.rglob("*"))
        row = {"trial": trial, "what": path.name, **look(path, True)}
        row["problem"] = row["problem"] or (f"left {set(folder.rglob('*')) - before}"
                                            if set(folder.rglob("*")) - before else "")  # fmt: skip
        if not row["problem"]:
            shutil.rmtree(folder)
        rows.append(row)
    used = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) << 10
    return {"rows": rows, "bytes": used}


def run_kind(kind: str) -> Callable[[int, Sequence[int], Path], Iterator[Row]]:
    """The trials of one kind of damage, a dozen a process."""

    def run(seed: int, trials: Sequence[int], out: Path) -> Iterator[Row]:
        clips = make_clips(out / "work" / "clips")
        place = out / "work" / f"media-{kind.replace(' ', '_').replace(',', '')}"
        for start in range(0, len(trials), 12):
            some = trials[start : start + 12]
            done = in_fork(lambda some=some: _some(seed, kind, some, clips, place), place / "rows.json")
            for row in done["rows"]:
                too_much = done["bytes"] > BOUND_BYTES + (
                    700 << 20
                )  # what a good file takes, with all that is imported
                row["problem"] = row["problem"] or (f"{done['bytes'] >> 20} MB" if too_much else "")
                yield {**row, "megabytes": done["bytes"] >> 20}

    return run


BATCH = 30


def harvest_folders(seed: int, trials: Sequence[int], out: Path) -> Iterator[Row]:
    """Whole harvests of 30 bad files and two good films: the good ones are in, each bad one has a state."""
    clips = make_clips(out / "work" / "clips")
    for trial in trials:
        place = out / "work" / f"folder-{trial}"
        try:
            row = in_fork(lambda trial=trial, place=place: _harvest_one(seed, trial, clips, place), place / "row.json")
        except RuntimeError as error:
            row = {"problem": str(error), "end": "", "seconds": 0.0, "lost": 0}
        if not row["problem"]:
            shutil.rmtree(place, ignore_errors=True)
        yield {"trial": trial, "what": f"{BATCH} bad files and 2 films", **row}


def _harvest_one(seed: int, trial: int, clips: dict[str, bytes], place: Path) -> dict[str, Any]:
    from pipelines import make_sources

    rng, begin = random.Random(f"{seed}/folder/{trial}"), time.monotonic()
    make_sources(place)
    films = place / "films"
    for film in sorted(films.glob("film_*.mp4"))[2:]:
        film.unlink()
    good = len(list(films.glob("film_*.mp4")))
    for number in range(BATCH):
        folder = films / f"bad{number:02d}"
        folder.mkdir()
        KINDS[rng.choice(list(KINDS))](folder, clips, rng)
        (folder / "secret.mp4").unlink(missing_ok=True)
    config = HarvestConfig(backend="truth", truth_films=films, phis=("keypoints",), workers=1, retry_failed=True)
    report = run_harvest([films], Lake(place / "lake"), config)
    books = report.books
    ended = dict(report.reasons)
    problems = [] if books.balanced and books.pending == 0 else [f"books {books}"]
    problems += [f"{count} {reason}" for reason, count in ended.items() if reason in ("internal_error", "worker_died")]
    done = Lake(place / "lake").read("tracklets", ["source_id"])["source_id"].unique()
    lost = max(0, good - len(done))
    problems += [f"{lost} good films are not in the lake"] if lost else []
    return {
        "problem": "; ".join(problems),
        "end": str(ended),
        "seconds": round(time.monotonic() - begin, 1),
        "lost": lost,
    }
