"""Count the files of ours that four walks go through, by a tracer.

    python scripts/trace_walks.py --out walks.json [--inputs FOLDER] [--root CHECKOUT]

Run with the interpreter of the virtual environment, from the root of a checkout (or with --root). FOLDER holds what the
walks start from: `pool`, `labelled` and `held_out` (lakes) and `films/unlabelled/*.mp4`, as tests/made_at_21bc6ec has
them. It is copied, never written. Without one that is there, `hmmr study run` makes quickstart films and lakes for it.

The walks, each one `hmmr` command in a process of its own, entered where pyproject.toml says:

    url_to_tracklets   hmmr harvest run http://127.0.0.1:PORT/FILM.mp4 --licence open --allow-private --lake NEW
    training           hmmr train --lake pool --labelled labelled --out runs --preset open --steps 3
    study_cell         hmmr study run ONE_CELL.yaml --lake pool --labelled labelled --held-out held_out --workers 1
    page               hmmr dashboard --lake pool --export page.html

What counts: a .py file below the checkout's root (not of tests/, scripts/, bench/, docs/, hidden or virtual
environment folders) of which at least one function's body began to run: function, method, lambda, generator or
comprehension. Bodies of modules and classes do not count, nor does what they call while a module of ours is being
imported: that a file is imported, or fills a table as it is, takes nobody through it. (`while_importing` names the
files that ran only so.)
Methods that Python makes itself (a dataclass's __init__, a named tuple's) have no file and so count for none; kernels
that numba compiled run outside of Python and count for none.

How: sys.settrace and threading.settrace see every call of every thread, with no tracing of lines. A sitecustomize.py
put first on PYTHONPATH switches them on in the command's process and in all Python processes that it starts (the
harvest's workers are spawned). Each process appends a file's name at its first call, so that one that is killed has
told all; the order is by the machine's monotonic clock. The server of the film and the making of inputs are outside.
"""

import argparse
import http.server
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

NOT_OURS = ("tests", "scripts", "bench", "docs", "examples", "build", "out", "docker")
LOG, ROOT = "HMMR_WALK_LOG", "HMMR_WALK_ROOT"

TRACER = f'''
import os, sys, threading, time

def _begin(root, log, not_ours):
    root = root.rstrip("/") + "/"
    ours, said = {{}}, set()   # ours: a code's file name -> our name of it, or None
    done = set()               # codes that need not be looked at again
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def name_of(file):
        if not file.startswith(root) or not file.endswith(".py"):
            return None
        name = file[len(root):]
        first = name.split("/", 1)[0]
        hidden = any(part.startswith(".") for part in name.split("/"))
        return None if hidden or first in not_ours or "site-packages" in name else name

    def importing(frame):
        while frame is not None:
            code = frame.f_code
            if code.co_name == "<module>":
                file = code.co_filename
                if file not in ours:
                    ours[file] = name_of(file)
                if ours[file] is not None:
                    return True
            frame = frame.f_back
        return False

    def say(kind, name):
        if (kind, name) not in said:
            said.add((kind, name))
            os.write(out, f"{{time.monotonic():.6f}} {{os.getpid()}} {{kind}} {{name}}\\n".encode())

    def trace(frame, event, arg):
        code = frame.f_code
        if code in done:
            return None
        file = code.co_filename
        if file not in ours:
            ours[file] = name_of(file)
        name = ours[file]
        if name is None or not code.co_flags & 1:   # CO_OPTIMIZED: a function's body, not a module's or class's
            if name is None:
                done.add(code)
            return None
        if importing(frame):
            say("import", name)
        else:
            done.add(code)
            say("call", name)
        return None

    threading.settrace(trace)
    sys.settrace(trace)

if os.environ.get("{LOG}"):
    _begin(os.environ["{ROOT}"], os.environ["{LOG}"], {NOT_OURS!r})
'''

ENTER = "import sys; sys.argv[0] = 'hmmr'; from {module} import {name}; sys.exit({name}())"

ONE_CELL = """\
name: NAME
shares: [1]
seeds: [0]
budgets: [steps]
phi: [blazepose_penultimate]
ceilings: []
reprojected: false
step_shares_without_film: []
train: {preset: tiny, steps: 3}
"""


def main() -> None:
    """Run the walks and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    parser.add_argument("--inputs", type=Path, help="folder with pool, labelled, held_out and films")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="checkout to trace; default: the current folder")
    given = parser.parse_args()
    root = given.root.resolve()
    with tempfile.TemporaryDirectory(prefix="hmmr-walks-") as scratch:
        walker = Walker(root, Path(scratch).resolve())
        films = walker.prepare(given.inputs or root / "tests/made_at_21bc6ec")
        walks = {
            "url_to_tracklets": walker.url_to_tracklets(films),
            "training": walker.training(),
            "study_cell": walker.study_cell(),
            "page": walker.page(),
        }
    told = {"commit": commit(root), "files_in_all": len(our_files(root)), "walks": walks}
    given.out.write_text(json.dumps(told, indent=1) + "\n")
    for name, walk in walks.items():
        print(f"{name:18s} {walk['count']:4d} files, {walk['seconds']:.0f} s")


class Walker:
    """Commands of one checkout, in a folder of their own."""

    def __init__(self, root: Path, work: Path) -> None:
        self.root, self.work = root, work
        (work / "tracer").mkdir()
        (work / "tracer/sitecustomize.py").write_text(TRACER)
        scripts = tomllib.loads((root / "pyproject.toml").read_text())["project"]["scripts"]
        module, _, name = scripts["hmmr"].partition(":")
        self.enter = ENTER.format(module=module, name=name)

    def prepare(self, inputs: Path) -> Path:
        """Copies of the lakes below the work folder; returns the folder of the films."""
        if not (inputs / "pool").is_dir():
            print("no inputs given: making quickstart films and lakes, some minutes", file=sys.stderr)
            inputs = self.work / "made"
            cell = self.study("preparing")
            self.hmmr("study", "run", str(cell), "--out", str(inputs), "--workers", "2")
            (inputs / "lake").rename(inputs / "pool")
        for lake in ("pool", "labelled", "held_out"):
            shutil.copytree(inputs / lake, self.work / lake)
        return inputs / "films/unlabelled"

    def url_to_tracklets(self, films: Path) -> dict[str, Any]:
        """The largest film, which has somebody in it, by URL into a lake that is not there yet."""
        film = max(films.glob("*.mp4"), key=lambda path: path.stat().st_size)
        handler = partial(Quiet, directory=str(films))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}/{film.name}"
            walk = self.walk("harvest", "run", url, "--licence", "open", "--allow-private", "--lake", "new")
            server.shutdown()
        if " 1 done" not in walk["said"]:
            raise SystemExit(f"the film was not harvested: {walk['said']}")
        return walk

    def training(self) -> dict[str, Any]:
        """All heads, three steps."""
        return self.walk("train", "--lake", "pool", "--labelled", "labelled", "--out", "runs", "--preset", "open",
                         "--steps", "3")  # fmt: skip

    def study_cell(self) -> dict[str, Any]:
        """A study of one cell: trained, scored on dev, baselines beside it, its page."""
        cell = self.study("one-cell")
        return self.walk("study", "run", cell.name, "--lake", "pool", "--labelled", "labelled", "--held-out",
                         "held_out", "--out", "study", "--workers", "1")  # fmt: skip

    def page(self) -> dict[str, Any]:
        """The page of the pool, with the rows that the walks before have left."""
        return self.walk("dashboard", "--lake", "pool", "--export", "page.html")

    def study(self, name: str) -> Path:
        """A study's file: one cell, the whole pool, on the default features."""
        file = self.work / f"{name}.yaml"
        file.write_text(ONE_CELL.replace("NAME", name))
        return file

    def walk(self, *words: str) -> dict[str, Any]:
        """One traced command: how many files of ours ran, and which, in the order of their first calls."""
        log = self.work / f"{words[0]}.log"
        began = time.monotonic()
        said = self.hmmr(*words, log=log)
        called: dict[str, None] = {}
        imported: dict[str, None] = {}
        lines = [line.split(" ", 3) for line in log.read_text().splitlines()]
        for _, _, kind, name in sorted(lines, key=lambda line: float(line[0])):
            (called if kind == "call" else imported).setdefault(name)
        return {
            "command": shlex.join(["hmmr", *words]),
            "count": len(called),
            "files": list(called),
            "while_importing": sorted(set(imported) - set(called)),
            "processes": len({pid for _, pid, _, _ in lines}),
            "seconds": round(time.monotonic() - began, 1),
            "said": said,
        }

    def hmmr(self, *words: str, log: Path | None = None) -> str:
        """The command in a process of its own; SystemExit with its words if it fails."""
        paths = [str(self.root)] if log is None else [str(self.work / "tracer"), str(self.root)]
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1",
            "PYTHONDONTWRITEBYTECODE": "1", "PREFECT_HOME": str(self.work / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }  # fmt: skip
        env |= {} if log is None else {LOG: str(log), ROOT: str(self.root)}
        done = subprocess.run(
            [sys.executable, "-c", self.enter, *words], cwd=self.work, env=env, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"hmmr {shlex.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return " ".join(done.stdout.split()[-24:])


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Tells nobody what it served."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def our_files(root: Path) -> list[str]:
    """Every file that could be counted."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "*.py"], capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split() if name.split("/")[0] not in NOT_OURS]


def commit(root: Path) -> str:
    """Of the checkout, with +changes where it differs."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True).stdout.strip()

    return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")


if __name__ == "__main__":
    main()
