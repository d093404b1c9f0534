"""docs/reliability.md, written from the trials alone."""

from collections import Counter
from pathlib import Path
from typing import Any

Row = dict[str, Any]
GROUPS = {
    "faults": ("Faults", "An operation is disturbed at a random moment, run again to its end, and compared row by row "
               "and file by file with an undisturbed one. `struck`: trials in which the fault hit it."),
    "media": ("Media files", "Each through the decoder as the harvest uses it: pictures or a HarvestError that names "
              "the item; no other file read, at most 120 s and 1 GB more than a good file."),
    "readers": ("Files of benchmarks, bodies, checkpoints, lists and lakes", "Each ends in content or in one error "
                "that names the file; code in it does not run; at most 30 s and 1 GB."),
    "addresses": ("Addresses", "Each is asked for, and each is what a public page redirects to, where nothing but "
                  "loopback can be reached: refused, and no server on loopback hears of it."),
    "wordings": ("Licence wordings", "Each means what the table beside the tests says."),
}  # fmt: skip
WANTED = {"faults": (500, 12), "media": (2000, 40), "readers": (1000, 12), "addresses": (200, 1), "wordings": (200, 1)}
"""Trials and kinds that the page promises at least."""


def write_page(path: Path, rows: list[Row]) -> None:
    """A table a group, a line a kind. A group that has fewer trials or kinds than WANTED says so."""
    parts = [_head(rows)]
    for group, (title, what) in GROUPS.items():
        mine = [row for row in rows if row.get("group", "faults") == group]
        kinds = {row["kind"] for row in mine}
        trials, count = WANTED[group]
        short = len(mine) < trials or len(kinds) < count
        lack = f"**So far {len(mine)} of {trials} trials, {len(kinds)} of {count} kinds.**\n\n" if short else ""
        parts.append(f"## {title}\n\n{what}\n\n{lack}{_table(mine) if mine else ''}")
    wrong = Counter(row["kind"] for row in rows if row["problem"])
    known = [f"- {kind}: {count} trials" for kind, count in wrong.items()] or ["- nothing"]
    parts.append("\n".join(["## Known to be wrong", "", *known, ""]))
    path.write_text("\n".join(parts))


def _head(rows: list[Row]) -> str:
    seeds = ", ".join(map(str, sorted({row["seed"] for row in rows})))
    lines = [
        "# How it bears faults and hostile input", "",
        "Written by `python scripts/reliability --page`, from the results of `python scripts/reliability`",
        f"(`make trial`), which goes on where it was. Seed {seeds}; `--kinds NAME` makes one kind again. A trial is a",
        "function of (seed, kind, number), but for the moment at which a signal lands. lost: rows, items or files that",
        "an undisturbed run has; doubled: more than it has; left: places where something erased was found; ran: code",
        "of a file that ran; wrong: trials with any of these, or with anything else that should not be.", "",
        "| group | kinds | trials | lost | doubled | left | ran | wrong |", "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for group, (title, _) in GROUPS.items():
        mine = [row for row in rows if row.get("group", "faults") == group]
        lines.append(f"| {title} | {len({row['kind'] for row in mine})} | {len(mine)} | {_sums(mine)} |")
    return "\n".join([*lines, ""])


def _sums(rows: list[Row]) -> str:
    sums = [sum(row.get(name, 0) for row in rows) for name in ("lost", "doubled", "left", "ran")]
    return " | ".join(map(str, [*sums, sum(bool(row["problem"]) for row in rows)]))


def _table(rows: list[Row]) -> str:
    lines = ["| kind | trials | struck | lost | doubled | left | ran | wrong | longest s | most MB | ended in |",
             "|---|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind]
        struck = sum(row["struck"] for row in mine) if "struck" in mine[0] else "–"
        ends = Counter(_end(row["end"]) for row in mine if row.get("end"))
        words = ", ".join(f"{count} {end}" for end, count in ends.most_common(4)) or "as undisturbed"
        most = max(row.get("megabytes", 0) for row in mine) or "–"
        longest = max(row.get("seconds", 0.0) for row in mine)
        name = kind.removeprefix(f"{mine[0].get('group', 'faults')}: ")
        lines.append(f"| {name} | {len(mine)} | {struck} | {_sums(mine)} | {longest:.1f} | {most} | {words} |")
    return "\n".join([*lines, ""])


def _end(text: str) -> str:
    return "pictures" if text.endswith(" pictures") else text[:40]
