"""Reliability trials by a seeded driver; docs/reliability.md is written by it.

    python scripts/reliability                        # all kinds, resumable; about an hour of one core
    python scripts/reliability --kinds erase,media    # some kinds
    python scripts/reliability --page                 # only write docs/reliability.md from the results

Each trial is a pure function of (seed, kind, trial), but for the moment's luck, and a line of OUT/trials.jsonl. A
trial that is in the file is not done again. Exit code 1 if any trial found something wrong.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

Row = dict[str, Any]


def main() -> int:
    """Run what is missing, print a line a kind, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/reliability"), help="work and results")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="", help="names of kinds, with commas; empty: all")
    parser.add_argument("--share", type=float, default=1.0, help="share of each kind's trials")
    parser.add_argument("--page", nargs="?", type=Path, const=Path("docs/reliability.md"), help="only write the page")
    asked = parser.parse_args()
    results = asked.out / "trials.jsonl"
    if asked.page:
        from page import write_page

        write_page(asked.page, read_rows(results))
        return 0
    from kinds import KINDS

    print(f"seed {asked.seed}", flush=True)
    wanted = [word for word in asked.kinds.split(",") if word]
    if unknown := set(wanted) - KINDS.keys():
        parser.error(f"no kind {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    bad = 0
    for name, kind in KINDS.items():
        if wanted and name not in wanted:
            continue
        done = {row["trial"] for row in _of(results, name, asked.seed)}
        trials = [trial for trial in range(max(1, round(kind.trials * asked.share))) if trial not in done]
        for row in kind.run(asked.seed, trials, asked.out.absolute()) if trials else ():
            keep(results, {"kind": name, "group": kind.group, "seed": asked.seed, **row})
            if row["problem"]:
                print(f"{name} {row['trial']} ({row['what']}): {row['problem'][-1500:]}", flush=True)
        rows = _of(results, name, asked.seed)
        problems = sum(bool(row["problem"]) for row in rows)
        bad += problems
        print(f"{name}: {len(rows)} trials, {problems} with a problem", flush=True)
    return 1 if bad else 0


def _of(results: Path, kind: str, seed: int) -> list[Row]:
    return [row for row in read_rows(results) if (row["kind"], row["seed"]) == (kind, seed)]


def read_rows(path: Path) -> list[Row]:
    """The trials so far; the last line may be cut off."""
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def keep(path: Path, row: Row) -> None:
    """Add a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    sys.exit(main())
